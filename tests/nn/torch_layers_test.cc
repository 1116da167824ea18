// Layers of few lines against torch: convolutions, pooling, embeddings, activations, resampling.
#include <limits>

#include "gradus/graph/recording.h"
#include "gradus/nn/nn.h"
#include "gradus/ops/creation.h"
#include "gradus/tests/nn/reference.h"

namespace gradus::nn {
namespace {

using ::testing::HasSubstr;

const DType kF64 = DType::f64;

TEST(Conv, AsTorch) {
  Reference("layers", "Conv1d")
      .check(Conv1d(4, 6, 3, {.stride = 2, .padding = 1, .groups = 2, .dtype = kF64}));
  Reference("layers", "Conv2d")
      .check(Conv2d(2, 3, {3, 2},
                    {.stride = {2, 1}, .padding = {1, 0}, .dilation = {1, 2}, .bias = false, .dtype = kF64}));
  Reference("layers", "Conv2d_same")
      .check(Conv2d(2, 3, {4, 3}, {.padding = "same", .padding_mode = PadMode::circular, .dtype = kF64}));
  Reference("layers", "Conv2d_reflect")
      .check(Conv2d(2, 3, 3, {.padding = {1, 2}, .padding_mode = PadMode::reflect, .dtype = kF64}));
  Reference("layers", "Conv3d")
      .check(Conv3d(2, 3, 2, {.padding = 1, .padding_mode = PadMode::replicate, .dtype = kF64}));
}

TEST(ConvTranspose, AsTorch) {
  Reference("layers", "ConvTranspose1d")
      .check(ConvTranspose1d(4, 6, 3,
                             {.stride = 2, .padding = 1, .output_padding = 1, .groups = 2, .dtype = kF64}));
  Reference("layers", "ConvTranspose2d")
      .check(ConvTranspose2d(2, 3, {3, 2}, {.bias = false, .dilation = 2, .dtype = kF64}));
  Reference("layers", "ConvTranspose3d").check(ConvTranspose3d(2, 3, 2, {.stride = 2, .dtype = kF64}));
}

TEST(Conv, StartsWithinItsBound) {
  Generator g{.seed = 6};
  const auto most = [](const Tensor& t) {
    double m = 0;
    for (const float v : t.to_vector<float>()) m = std::max(m, std::abs(static_cast<double>(v)));
    return m;
  };
  const Conv2d conv(16, 64, 5, {.groups = 4, .generator = &g});
  const double bound = 1 / std::sqrt(4.0 * 25);
  EXPECT_LE(most(conv.weight), bound * (1 + 1e-6));
  EXPECT_GT(most(conv.weight), bound * 0.99);
  EXPECT_LE(most(conv.bias), bound * (1 + 1e-6));
  const ConvTranspose1d transposed(16, 32, 4, {.generator = &g});
  EXPECT_LE(most(transposed.weight), (1 + 1e-6) / std::sqrt(32.0 * 4));
  EXPECT_GT(most(transposed.weight), 0.99 / std::sqrt(32.0 * 4));
}

TEST(Conv, PrintsAsTorch) {
  EXPECT_EQ(to_string(Conv2d(1, 32, {3, 5}, {.padding = 1, .groups = 1, .bias = false})),
            "Conv2d(1, 32, kernel_size=(3, 5), stride=(1, 1), padding=(1, 1), bias=False)");
  EXPECT_EQ(to_string(Conv1d(2, 4, 3, {.stride = 2, .padding = "valid"})),
            "Conv1d(2, 4, kernel_size=(3,), stride=(2,), padding=valid)");
  EXPECT_EQ(to_string(ConvTranspose2d(2, 4, 3)), "ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=(1, 1))");
  EXPECT_EQ(to_string(MaxPool2d(2)),
            "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)");
}

TEST(Conv, BadInput) {
  EXPECT_THAT(message_of<ValueError>([] { Conv2d(3, 4, 3, {.groups = 2}); }),
              HasSubstr("Conv2d: 2 groups do not divide 3 channels in and 4 out"));
  EXPECT_THAT(message_of<ValueError>([] {
                Conv2d(3, 4, {3, 3, 3});
              }),
              HasSubstr("Conv2d: kernel_size has 3 numbers; it takes one, or one for each of 2 axes"));
  EXPECT_THAT(message_of<ValueError>([] { ConvTranspose3d(3, 4, 0); }),
              HasSubstr("ConvTranspose3d: kernel_size is 0; it must be 1 at least"));
  EXPECT_THAT(message_of<ValueError>([] { Conv1d(0, 4, 1); }), HasSubstr("Conv1d: in_channels is 0"));
  EXPECT_THROW(Conv1d(2, 2, 3)(ones({1, 3, 5})), ShapeError);
  EXPECT_THROW(Conv1d(2, 2, 3, {.dtype = DType::i64}), DtypeError);
}

TEST(Pool, AsTorch) {
  Reference("layers", "MaxPool2d").check(MaxPool2d(3, {.stride = 2, .padding = 1}));
  Reference("layers", "AvgPool1d")
      .check(AvgPool1d(3, {.stride = 2, .padding = 1, .count_include_pad = false}));
  Reference("layers", "LPPool2d").check(LPPool2d(3, {2, 3}, {.stride = 2}), 1e-10);
  Reference("layers", "AdaptiveAvgPool3d").check(AdaptiveAvgPool3d({2, 1, 3}));
  Reference("layers", "AdaptiveMaxPool1d").check(AdaptiveMaxPool1d(3));
}

TEST(Pool, UnpoolingPutsTheElementsBack) {
  const Tensor x = tensor({{{1.0F, 5.0F, 2.0F, 3.0F}}});
  const ValuesIndices r = MaxPool1d(2).with_indices(x);
  EXPECT_EQ(MaxUnpool1d(2)(r.values, r.indices).to_vector<float>(), (std::vector<float>{0, 5, 0, 3}));
  EXPECT_EQ(AdaptiveMaxPool1d(2).with_indices(x).indices.to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{1, 3}));
}

TEST(Resampling, AsTorch) {
  Reference("layers", "Upsample")
      .check(Upsample({.scale_factor = {2}, .mode = InterpolateMode::bilinear, .align_corners = true}));
  Reference("layers", "PixelShuffle").check(PixelShuffle(2));
  Reference("layers", "PixelUnshuffle").check(PixelUnshuffle(2));
  Reference("layers", "ChannelShuffle").check(ChannelShuffle(2));
}

TEST(Embedding, AsTorch) {
  Reference("layers", "Embedding").check(Embedding(5, 3, {.padding_idx = -2, .dtype = kF64}));
}

TEST(EmbeddingBag, AsTorch) {
  constexpr std::pair<const char*, BagMode> kModes[] = {
      {"sum", BagMode::sum}, {"mean", BagMode::mean}, {"max", BagMode::max}};
  for (const auto& [name, mode] : kModes) {
    const Reference r("layers", std::string("EmbeddingBag_") + name);
    EmbeddingBag m(6, 3, {.mode = mode, .padding_idx = 2, .dtype = kF64});
    r.check(m, [&] { return Outputs{{"y", m(r.in("x"), {.offsets = r.in("offsets")})}}; });
  }
  const Reference r("layers", "EmbeddingBag_weighted");
  EmbeddingBag m(6, 3, {.mode = BagMode::sum, .dtype = kF64});
  r.check(m, [&] { return Outputs{{"y", m(r.in("x"), {.per_sample_weights = r.in("w")})}}; });
}

TEST(Embedding, MaxNormAsTorch) {
  constexpr std::pair<const char*, double> kNorms[] = {
      {"", 2}, {"_l1", 1}, {"_inf", std::numeric_limits<double>::infinity()}};
  for (const auto& [name, p] : kNorms) {
    const Reference r("layers", std::string("Embedding_max_norm") + name);
    Embedding m(6, 3, {.padding_idx = 1, .max_norm = 0.8, .norm_type = p, .dtype = kF64});
    r.check(m, [&] {
      const Tensor y = m(r.in("x"));
      EXPECT_NE(m.weight.to_vector<double>(), r["state.weight"].to_vector<double>());
      return Outputs{{"y", y}, {"weight", m.weight.detach()}};
    });
  }
  const Reference r("layers", "EmbeddingBag_max_norm");
  EmbeddingBag m(6, 3, {.mode = BagMode::sum, .max_norm = 1.1, .norm_type = 3, .dtype = kF64});
  r.check(m, [&] {
    const Tensor y = m(r.in("x"), {.per_sample_weights = r.in("w")});
    return Outputs{{"y", y}, {"weight", m.weight.detach()}};
  });
}

TEST(Embedding, MaxNormWritesOnlyWhatItShortens) {
  Embedding m(3, 2, {.max_norm = 5});
  const auto set = [&] {
    const NoGrad guard;
    m.weight.copy_(tensor({{3.0F, 4.0F}, {6.0F, 8.0F}, {60.0F, 80.0F}}));
  };
  set();
  // Rows 0 and 1 are looked up, row 1 is too long, row 2 was not asked for.
  const Tensor y = m(tensor({{1, 0}, {1, 1}}, DType::i64));
  const std::vector<float> w = m.weight.to_vector<float>();
  EXPECT_EQ((std::vector<float>{w[0], w[1], w[4], w[5]}), (std::vector<float>{3, 4, 60, 80}));
  EXPECT_NEAR(w[2], 3, 1e-5);
  EXPECT_NEAR(w[3], 4, 1e-5);
  EXPECT_NEAR(y.to_vector<float>()[0], 3, 1e-5);
  sum(y).backward();  // the look-up was recorded, the shortening was not
  EXPECT_EQ(m.weight.grad().to_vector<float>(), (std::vector<float>{1, 1, 3, 3, 0, 0}));

  // A square of the weight that was recorded before stays valid while nothing is shortened.
  const Tensor before = sum(square(m.weight));
  m(tensor({0, 1}, DType::i64));
  before.backward();
  // A wrong index is refused before anything is written.
  set();
  EXPECT_THROW(m(tensor({2, 3}, DType::i64)), ValueError);
  EXPECT_THROW(m(tensor({2, -1}, DType::i64)), ValueError);
  EXPECT_EQ(m.weight.to_vector<float>()[4], 60.0F);
  EXPECT_TRUE((m(empty({0}, DType::i64)).shape() == Shape{0, 2}));
  EXPECT_EQ(to_string(m), "Embedding(3, 2, max_norm=5)");
}

TEST(Embedding, StartsNormalWithARowOfZeros) {
  Generator g{.seed = 3};
  const Embedding e(200, 100, {.padding_idx = -1, .generator = &g});
  double square = 0;
  const std::vector<float> w = e.weight.to_vector<float>();
  for (std::size_t i = 0; i < w.size(); ++i) {
    if (i >= 199 * 100) {
      EXPECT_EQ(w[i], 0.0F);
    }
    square += static_cast<double>(w[i]) * w[i];
  }
  EXPECT_NEAR(square / (199 * 100), 1.0, 0.03);
  const Tensor table = tensor({{1.0F, 2.0F}, {3.0F, 4.0F}});
  Embedding frozen = Embedding::from_pretrained(table);
  EXPECT_FALSE(frozen.weight.requires_grad());
  EXPECT_EQ(frozen(tensor({1, 0}, DType::i64)).to_vector<float>(), (std::vector<float>{3, 4, 1, 2}));
  EXPECT_TRUE(Embedding::from_pretrained(table, /*freeze=*/false).weight.requires_grad());
}

TEST(Embedding, BadInput) {
  EXPECT_THAT(message_of<ValueError>([] { Embedding(3, 2, {.padding_idx = 3}); }),
              HasSubstr("Embedding: padding_idx 3 is not one of 3 rows"));
  EXPECT_THAT(message_of<ShapeError>([] { Embedding::from_pretrained(ones({3})); }),
              HasSubstr("Embedding: a table has the axes [rows, columns]: [3] f32"));
  EXPECT_THAT(message_of<ValueError>([] { Embedding(3, 2, {.max_norm = 0}); }),
              HasSubstr("Embedding: max_norm is 0; it must be greater than 0"));
  EXPECT_THAT(message_of<ValueError>([] { EmbeddingBag(3, 2, {.max_norm = 1, .norm_type = -1}); }),
              HasSubstr("EmbeddingBag: norm_type is -1; it must be greater than 0"));
  EXPECT_THAT(message_of<ValueError>(
                  [] { WeightNorm<Embedding>(Embedding(3, 2, {.max_norm = 1}))(tensor({0}, DType::i64)); }),
              HasSubstr("Embedding: max_norm = 1 shortens rows of the weight in place, and this weight is "
                        "computed"));
  EXPECT_THROW(EmbeddingBag(-1, 2), ValueError);
  EXPECT_THROW(Embedding(3, 2)(tensor({3}, DType::i64)), ValueError);
  EXPECT_THROW(Embedding(3, 2)(ones({3})), DtypeError);
}

TEST(Bilinear, AsTorch) {
  const Reference r("layers", "Bilinear");
  Bilinear m(3, 4, 2, {.dtype = kF64});
  r.check(m, [&] { return Outputs{{"y", m(r.in("a"), r.in("b"))}}; });
  EXPECT_EQ(to_string(m), "Bilinear(in1_features=3, in2_features=4, out_features=2, bias=True)");
  EXPECT_THAT(message_of<ShapeError>([&] {
                m(ones({2, 3}, kF64), ones({2, 3}, kF64));
              }),
              HasSubstr("Bilinear: x2 has 4 features on its last axis: [2, 3] f64"));
  EXPECT_THROW(Bilinear(0, 4, 2), ValueError);
}

TEST(Activations, AsTorch) {
  const auto check = [](const char* name, auto m, double tolerance = 1e-12) {
    Reference("layers", name).check(std::move(m), tolerance);
  };
  check("LeakyReLU", LeakyReLU(0.2));
  check("Hardtanh", Hardtanh(-0.5, 0.75));
  check("Threshold", Threshold(0.1, -2));
  check("ELU", ELU(0.7));
  check("CELU", CELU(0.7), 1e-7);  // torch has 1 / alpha in f32
  check("SELU", SELU());
  check("GELU", GELU());
  check("GELU_tanh", GELU("tanh"));
  check("Softplus", Softplus(2, 1.5));
  check("Hardshrink", Hardshrink(0.3));
  check("Softshrink", Softshrink(0.3));
  check("LogSoftmax", LogSoftmax(1));
  check("Softmin", Softmin(1));
  check("GLU", GLU(1));
  check("ReLU6", ReLU6());
  check("SiLU", SiLU());
  check("Mish", Mish());
  check("Hardswish", Hardswish());
  check("Hardsigmoid", Hardsigmoid(), 1e-7);  // torch has 1 / 6 in f32
  check("LogSigmoid", LogSigmoid());
  check("Softsign", Softsign());
  check("Tanhshrink", Tanhshrink());
  check("PReLU", PReLU(3, 0.25, kF64));
}

TEST(Activations, OptionsAndErrors) {
  EXPECT_EQ(to_string(LeakyReLU(0.2)), "LeakyReLU(negative_slope=0.2)");
  EXPECT_EQ(to_string(GELU()), "GELU(approximate='none')");
  EXPECT_EQ(to_string(PReLU()), "PReLU(num_parameters=1)");
  EXPECT_THAT(message_of<ValueError>([] { GELU("erf"); }),
              HasSubstr("GELU: approximate is \"erf\"; it is \"none\" or \"tanh\""));
  EXPECT_THAT(message_of<ValueError>([] { RReLU(0.5, 0.1); }),
              HasSubstr("RReLU: lower is 0.5 and upper is 0.1; lower must not be above upper"));
  EXPECT_THROW(PReLU(0), ValueError);
  EXPECT_THROW(Softmax2d()(ones({2, 3})), ShapeError);
  for (const float s : sum(Softmax2d()(ones({2, 3, 4, 5})), 1).to_vector<float>())
    EXPECT_NEAR(s, 1.0F, 1e-6F);
}

TEST(RReLU, SlopesAreDrawnInTraining) {
  RReLU m(0.1, 0.3);
  const Tensor x = full({1000}, -1.0);
  double mean = 0;
  for (const float y : m(x).to_vector<float>()) {
    EXPECT_LE(y, -0.1F + 1e-6F);
    EXPECT_GE(y, -0.3F - 1e-6F);
    mean += y / 1000.0;
  }
  EXPECT_NEAR(mean, -0.2, 0.01);
  EXPECT_EQ(m(ones({3})).to_vector<float>(), (std::vector<float>{1, 1, 1}));
  m.eval();
  for (const float y : m(x).to_vector<float>()) EXPECT_FLOAT_EQ(y, -0.2F);
}

TEST(Dropout, WholeChannels) {
  const auto check = [](auto m, const Shape& shape, std::int64_t places) {
    manual_seed(3);
    const std::vector<float> y = m(ones(shape)).template to_vector<float>();
    int dropped = 0, channels = 0;
    for (std::size_t i = 0; i < y.size(); i += static_cast<std::size_t>(places)) {
      for (std::int64_t k = 1; k < places; ++k) EXPECT_EQ(y[i], y[i + static_cast<std::size_t>(k)]);
      if (y[i] == 0.0F)
        ++dropped;
      else
        EXPECT_FLOAT_EQ(y[i], 1 / 0.75F);
      ++channels;
    }
    EXPECT_NEAR(dropped, channels * 0.25, channels * 0.08);
    m.eval();
    const Tensor x = ones(shape);
    EXPECT_TRUE(m(x).is(x));
  };
  check(Dropout1d(0.25), {20, 50, 3}, 3);
  check(Dropout2d(0.25), {20, 50, 2, 3}, 6);
  check(Dropout3d(0.25), {20, 50, 2, 1, 3}, 6);
  check(Dropout2d(0.25), {1000, 2, 3}, 6);  // no batch
  EXPECT_THAT(message_of<ShapeError>([] {
                Dropout2d()(ones({2, 3}));
              }),
              HasSubstr("Dropout2d: takes [batch, channels, 2 axes] or [channels, 2 axes]: [2, 3] f32"));
  EXPECT_THAT(message_of<ValueError>([] { Dropout3d(1.0); }),
              HasSubstr("Dropout3d: p is 1; it must be >= 0 and < 1"));
}

TEST(AlphaDropout, KeepsMeanAndVariance) {
  manual_seed(1);
  Tensor x = init::normal_(empty({200'000}));
  for (const double p : {0.1, 0.5}) {
    const Tensor y = AlphaDropout(p)(x);
    EXPECT_NEAR(mean(y).item(), 0.0, 0.02);
    EXPECT_NEAR(var(y).item(), 1.0, 0.03);
  }
  const Tensor f = FeatureAlphaDropout(0.5)(ones({100, 20, 3}));
  for (std::size_t i = 0; i < 6000; i += 3) {
    EXPECT_EQ(f.span<float>()[i], f.span<float>()[i + 2]);
  }
  EXPECT_THROW(AlphaDropout(1.0), ValueError);
}

TEST(Unflatten, SplitsAnAxis) {
  EXPECT_TRUE((Unflatten(1, {2, -1})(ones({3, 8, 2})).shape() == Shape{3, 2, 4, 2}));
  EXPECT_TRUE((Unflatten(-1, {2, 2})(ones({3, 4})).shape() == Shape{3, 2, 2}));
  EXPECT_THAT(message_of<ShapeError>([] {
                Unflatten(1, {3, 2})(ones({3, 8}));
              }),
              HasSubstr("Unflatten: axis 1 of [3, 8] f32 has 8 elements, which [3, 2] does not give"));
  EXPECT_THROW(Unflatten(2, {3, 2})(ones({3, 8})), ShapeError);
  EXPECT_THROW(Unflatten(1, {-1, -1})(ones({3, 8})), ShapeError);
  EXPECT_THROW(Unflatten(1, {0, -1})(ones({3, 0})), ShapeError);
}

TEST(Layers, CopiesAreDeep) {
  const auto check = [](auto m) { expect_deep_copy(m); };
  check(Conv1d(2, 3, 2));
  check(Conv2d(2, 3, 2));
  check(Conv3d(2, 3, 2));
  check(ConvTranspose1d(2, 3, 2));
  check(ConvTranspose2d(2, 3, 2));
  check(ConvTranspose3d(2, 3, 2));
  check(Bilinear(2, 3, 4));
  check(Embedding(4, 3));
  check(EmbeddingBag(4, 3));
  check(PReLU(3));
  check(Linear(2, 3));
  check(Transformer(4, 2, 1, 1, {.dim_feedforward = 3}));
}

TEST(Layers, ConvolutionalModelTrainsEndToEnd) {
  manual_seed(2);
  Sequential model(Conv2d(1, 4, 3, {.padding = "same"}), BatchNorm2d(4), ReLU(), MaxPool2d(2), Flatten(),
                   Linear(4 * 4 * 4, 3));
  const Tensor x = init::normal_(empty({5, 1, 8, 8}));
  sum(model(x)).backward();
  for (const Tensor& p : model.parameters()) EXPECT_TRUE(p.grad().defined()) << p.name();
  EXPECT_TRUE((model(x).shape() == Shape{5, 3}));
}

}  // namespace
}  // namespace gradus::nn
