// ImageFolder: the dataset of images that lie in a folder for each class: folder/cat/1.png, folder/dog/a.ppm.
// Files are read and decoded when a batch asks for them, so a DataLoader with workers decodes ahead.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gradus/data/image.h"

namespace gradus::data {

struct ImageFolderOptions {
  ImageMode mode = ImageMode::rgb;
  // What every image is resized to: the mean over areas where neither side grows, otherwise bilinear. 0: they
  // are taken as they are, and those of a batch must be of one size.
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t max_bytes = kMaxFileBytes;  // of each file, and of the pixels in it
};

class ImageFolder {
 public:
  // Images [n, C, H, W] f32, 0 to 1, and labels [n] i64.
  using Batch = std::array<Tensor, 2>;

  // Lists the folder: its subfolders are the classes, sorted by name, and of these the files that end in
  // .png, .pgm, .ppm or .pnm, sorted too. Hidden names (".x") are passed over. Errors: NotFound for no
  // folder, no class or a class without an image, InvalidArgument for a negative size or for one of two.
  static absl::StatusOr<ImageFolder> open(const std::string& folder, const ImageFolderOptions& options = {});

  std::int64_t size() const { return static_cast<std::int64_t>(list_->files.size()); }
  // Label i is classes()[i].
  const std::vector<std::string>& classes() const { return list_->classes; }
  // Errors of all: ValueError for an index out of range.
  const std::string& path(std::int64_t i, Location where = Location::current()) const;
  std::int64_t label(std::int64_t i, Location where = Location::current()) const;
  // Errors: also ValueError for a file that cannot be read, with its status; ShapeError for images of several
  // sizes. Both name the file.
  Batch batch(std::span<const std::int64_t> indices) const;

 private:
  struct File {
    std::string path;
    std::int64_t label;
  };
  struct List {
    std::vector<std::string> classes;
    std::vector<File> files;
    ImageFolderOptions options;
  };
  explicit ImageFolder(std::shared_ptr<const List> list) : list_(std::move(list)) {}
  const File& file(std::int64_t i, Location where) const;

  std::shared_ptr<const List> list_;  // shared by copies
};

}  // namespace gradus::data
