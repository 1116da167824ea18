// Four classifiers of grey images of 28 x 28 pixels in ten classes, as plain structs. Each takes rows
// [N, 784], as data::load_fashion_mnist() gives them, and gives scores [N, 10]. How they are trained:
// classifier_training.h.
#pragma once

#include <optional>

#include "gradus/gradus.h"

namespace gradus::zoo {

// One linear map: 7,850 parameters.
struct LogisticRegression : nn::UnaryModule {
  nn::Linear fc{784, 10};
  GRADUS_MEMBERS(fc)

  Tensor forward(Operand x) const override { return fc(x); }
};

// 784-256-128-10 with relu: 235,146 parameters.
struct Mlp : nn::UnaryModule {
  nn::Linear fc1{784, 256};
  nn::Linear fc2{256, 128};
  nn::Linear fc3{128, 10};
  GRADUS_MEMBERS(fc1, fc2, fc3)

  Tensor forward(Operand x) const override { return fc3(relu(fc2(relu(fc1(x))))); }
};

// Two convolutions, each with relu and a pooling behind it, and two linear maps: 117,066 parameters.
// LeCun, Bottou, Bengio, Haffner: "Gradient-based learning applied to document recognition", 1998; with more
// channels, max pooling, relu and dropout.
struct LeNet : nn::UnaryModule {
  nn::Conv2d conv1{1, 16, 5, {.padding = 2}};
  nn::Conv2d conv2{16, 32, 5};
  nn::Dropout dropout{0.25};
  nn::Linear fc1{32 * 5 * 5, 128};
  nn::Linear fc2{128, 10};
  GRADUS_MEMBERS(conv1, conv2, dropout, fc1, fc2)

  Tensor forward(Operand x) const override {
    const Tensor a = max_pool2d(relu(conv1(reshape(x, {-1, 1, 28, 28}))), 2);  // [N, 16, 14, 14]
    const Tensor b = max_pool2d(relu(conv2(a)), 2);                            // [N, 32, 5, 5]
    return fc2(relu(fc1(dropout(flatten(b, 1)))));
  }
};

// Two convolutions with batch norm that learn what is to be added to their input; the input itself passes
// beside them, through a 1 x 1 convolution where its shape changes.
struct ResidualBlock : nn::UnaryModule {
  nn::Conv2d conv1, conv2;
  nn::BatchNorm2d norm1, norm2;
  std::optional<nn::Conv2d> shortcut;
  std::optional<nn::BatchNorm2d> shortcut_norm;
  GRADUS_MEMBERS(conv1, norm1, conv2, norm2, shortcut, shortcut_norm)

  ResidualBlock(std::int64_t in, std::int64_t out, std::int64_t stride)
      : conv1(in, out, 3, {.stride = stride, .padding = 1, .bias = false}),
        conv2(out, out, 3, {.padding = 1, .bias = false}),
        norm1(out),
        norm2(out) {
    if (in == out && stride == 1) return;
    shortcut.emplace(in, out, 1, nn::ConvLayerOptions{.stride = stride, .bias = false});
    shortcut_norm.emplace(out);
  }

  Tensor forward(Operand x) const override {
    const Tensor added = norm2(conv2(relu(norm1(conv1(x)))));
    return relu(shortcut ? (*shortcut_norm)((*shortcut)(x)) + added : add(x, added));
  }
};

// A convolution, three residual blocks of 32, 64 and 64 channels on 14 x 14, 7 x 7 and 7 x 7 places, the mean
// over the places and a linear map: eight layers, 147,066 parameters, 18 million operations an image. He,
// Zhang, Ren, Sun: "Deep residual learning for image recognition", 2016.
struct ResNet : nn::UnaryModule {
  nn::Conv2d conv{1, 16, 3, {.padding = 1, .bias = false}};
  nn::BatchNorm2d norm{16};
  ResidualBlock block1{16, 32, 2};
  ResidualBlock block2{32, 64, 2};
  ResidualBlock block3{64, 64, 1};
  nn::Linear fc{64, 10};
  GRADUS_MEMBERS(conv, norm, block1, block2, block3, fc)

  Tensor forward(Operand x) const override {
    const Tensor a = relu(norm(conv(reshape(x, {-1, 1, 28, 28}))));
    return fc(mean(block3(block2(block1(a))), {2, 3}));
  }
};

}  // namespace gradus::zoo
