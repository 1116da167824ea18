#include "gradus/data/image_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/resample.h"
#include "gradus/ops/view.h"

namespace gradus::data {
namespace {

namespace fs = std::filesystem;

bool is_image(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return ending == ".png" || ending == ".pgm" || ending == ".ppm" || ending == ".pnm";
}

// The names in a folder that are wanted, sorted.
template <class Wanted>
absl::StatusOr<std::vector<std::string>> list_folder(const fs::path& folder, Wanted wanted) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (!name.starts_with('.') && wanted(*it)) names.push_back(std::move(name));
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(), fmt::format("cannot list the folder {}", folder.string()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// [C, H, W] u8 -> [C, H', W'] f32, 0 to 1.
Tensor as_numbers(const Tensor& pixels, const ImageFolderOptions& o) {
  Tensor out = empty(pixels.shape());
  const auto* from = static_cast<const std::uint8_t*>(pixels.impl()->data);
  auto* to = static_cast<float*>(out.impl()->data);
  for (std::int64_t i = 0; i < pixels.numel(); ++i) to[i] = static_cast<float>(from[i]) / 255.0F;
  if (o.height == 0 || (o.height == out.size(1) && o.width == out.size(2))) return out;
  const bool shrinks = o.height <= out.size(1) && o.width <= out.size(2);
  return squeeze(
      interpolate(unsqueeze(out, 0), {.size = {o.height, o.width},
                                      .mode = shrinks ? InterpolateMode::area : InterpolateMode::bilinear}),
      0);
}

}  // namespace

absl::StatusOr<ImageFolder> ImageFolder::open(const std::string& folder, const ImageFolderOptions& options) {
  if (options.height < 0 || options.width < 0 || (options.height == 0) != (options.width == 0)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: images cannot be resized to {} x {}; height and width are both above 0, or both 0",
                    folder, options.height, options.width));
  }
  const absl::StatusOr<std::vector<std::string>> classes =
      list_folder(folder, [](const fs::directory_entry& e) {
        std::error_code ignored;
        return e.is_directory(ignored);
      });
  if (!classes.ok()) return classes.status();
  if (classes->empty()) {
    return absl::NotFoundError(fmt::format("{}: there is no subfolder; each class has one", folder));
  }
  auto list = std::make_shared<List>();
  list->classes = *classes;
  list->options = options;
  for (std::size_t label = 0; label < classes->size(); ++label) {
    const fs::path below = fs::path(folder) / (*classes)[label];
    const absl::StatusOr<std::vector<std::string>> names =
        list_folder(below, [](const fs::directory_entry& e) {
          std::error_code ignored;
          return is_image(e.path()) && e.is_regular_file(ignored);
        });
    if (!names.ok()) return names.status();
    if (names->empty()) {
      return absl::NotFoundError(
          fmt::format("{}: the class has no image that ends in .png, .pgm, .ppm or .pnm", below.string()));
    }
    for (const std::string& name : *names) {
      list->files.push_back({(below / name).string(), static_cast<std::int64_t>(label)});
    }
  }
  return ImageFolder(std::move(list));
}

const ImageFolder::File& ImageFolder::file(std::int64_t i, Location where) const {
  if (i < 0 || i >= size()) {
    throw_error<ValueError>(where, "ImageFolder", "index {} is out of range for {} images", i, size());
  }
  return list_->files[static_cast<std::size_t>(i)];
}

const std::string& ImageFolder::path(std::int64_t i, Location where) const { return file(i, where).path; }
std::int64_t ImageFolder::label(std::int64_t i, Location where) const { return file(i, where).label; }

ImageFolder::Batch ImageFolder::batch(std::span<const std::int64_t> indices) const {
  const ImageFolderOptions& o = list_->options;
  const NoGrad no_grad;
  const auto n = static_cast<std::int64_t>(indices.size());
  const std::int64_t channels = o.mode == ImageMode::grey ? 1 : 3;
  Batch out{empty({0, channels, o.height, o.width}), empty({n}, DType::i64)};
  Shape shape;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const File& f = file(indices[i], {});
    const absl::StatusOr<Tensor> pixels = read_image(f.path, {.mode = o.mode, .max_bytes = o.max_bytes});
    if (!pixels.ok()) {
      throw_error<ValueError>({}, "ImageFolder", "an image cannot be read: {}", std::string(pixels.status().message()));
    }
    const Tensor image = contiguous(as_numbers(*pixels, o));
    if (i == 0) {
      shape = image.shape();
      out[0] = empty({n, shape[0], shape[1], shape[2]});
    } else if (!(image.shape() == shape)) {
      throw_error<ShapeError>(
          {}, "ImageFolder",
          "images of one batch differ: {} is {} and {} is {}; pass a height and a width to "
          "resize them, and a mode for their channels",
          file(indices[0], {}).path, format_shape(shape), f.path, format_shape(image.shape()));
    }
    std::memcpy(static_cast<float*>(out[0].impl()->data) + static_cast<std::int64_t>(i) * image.numel(),
                image.impl()->data, static_cast<std::size_t>(image.numel()) * sizeof(float));
    static_cast<std::int64_t*>(out[1].impl()->data)[i] = f.label;
  }
  return out;
}

}  // namespace gradus::data
