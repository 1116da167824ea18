#include "gradus/data/fashion_mnist.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <string_view>

#include "gradus/data/idx.h"

namespace gradus::data {
namespace {

constexpr std::int64_t kPixels = 28;
constexpr std::int64_t kClasses = 10;
// The training images have 47,040,016 bytes; anything much larger is another file.
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;

absl::StatusOr<Tensor> read_part(const std::string& folder, bool is_default, std::string_view stem) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  for (const char* ending : {".gz", ""}) {
    const std::string path = (fs::path(folder) / fmt::format("{}{}", stem, ending)).string();
    if (fs::exists(path, ignored)) return read_idx(path, kMaxBytes);
  }
  return absl::NotFoundError(fmt::format(
      "{}: neither {}.gz nor {} is there; {}", folder, stem, stem,
      is_default
          ? "install the package dataset-fashion-mnist, or name the folder that holds the files"
          : "the package dataset-fashion-mnist puts the files into " + std::string(kFashionMnistFolder)));
}

}  // namespace

absl::StatusOr<FashionMnist> load_fashion_mnist(Split split, const std::string& wanted) {
  const bool is_default = wanted.empty();
  const std::string folder = is_default ? kFashionMnistFolder : wanted;
  const std::string stem = split == Split::train ? "train" : "t10k";
  const std::string images_name = stem + "-images-idx3-ubyte", labels_name = stem + "-labels-idx1-ubyte";
  const absl::StatusOr<Tensor> images = read_part(folder, is_default, images_name);
  if (!images.ok()) return images.status();
  const absl::StatusOr<Tensor> labels = read_part(folder, is_default, labels_name);
  if (!labels.ok()) return labels.status();

  const auto bad = [&](const std::string& file, const std::string& what) {
    return absl::DataLossError(fmt::format("{}/{}: {}", folder, file, what));
  };
  if (images->dtype() != DType::u8 || images->rank() != 3 || images->size(1) != kPixels ||
      images->size(2) != kPixels) {
    return bad(images_name, "it does not hold images of 28 x 28 bytes");
  }
  if (labels->dtype() != DType::u8 || labels->rank() != 1) {
    return bad(labels_name, "it does not hold one byte a label");
  }
  const std::int64_t n = images->size(0);
  if (labels->size(0) != n) {
    return bad(labels_name, fmt::format("it holds {} labels for {} images", labels->size(0), n));
  }

  FashionMnist out{empty({n, kPixels * kPixels}, DType::f32), empty({n}, DType::i64)};
  std::array<float, 256> grey;
  for (std::size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<float>(i) / 255.0F;
  const auto pixels = images->span<std::uint8_t>();
  float* to = static_cast<float*>(out.images.impl()->data);
  for (std::size_t i = 0; i < pixels.size(); ++i) to[i] = grey[pixels[i]];
  const auto classes = labels->span<std::uint8_t>();
  std::int64_t* label = static_cast<std::int64_t*>(out.labels.impl()->data);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] >= kClasses) {
      return bad(labels_name, fmt::format("label {} is {}; there are {} classes", i, classes[i], kClasses));
    }
    label[i] = classes[i];
  }
  return out;
}

}  // namespace gradus::data
