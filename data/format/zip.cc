#include "gradus/data/format/zip.h"

#include <fmt/format.h>
#include <zip.h>

#include <limits>

namespace gradus::data {
namespace {

absl::Status bad(std::string_view file, std::string_view what) {
  return absl::DataLossError(fmt::format("{}: {}", file, what));
}

struct Error {
  Error() { zip_error_init(&e); }
  Error(const Error&) = delete;
  Error& operator=(const Error&) = delete;
  ~Error() { zip_error_fini(&e); }
  const char* text() { return zip_error_strerror(&e); }
  zip_error_t e;
};

struct Discard {
  void operator()(zip_t* z) const { zip_discard(z); }
};
struct CloseEntry {
  void operator()(zip_file_t* f) const { zip_fclose(f); }
};
struct FreeSource {
  void operator()(zip_source_t* s) const { zip_source_free(s); }
};

}  // namespace

struct ZipReader::Archive {
  std::unique_ptr<zip_t, Discard> zip;
};

ZipReader::ZipReader() : archive_(std::make_unique<Archive>()) {}
ZipReader::ZipReader(ZipReader&&) noexcept = default;
ZipReader& ZipReader::operator=(ZipReader&&) noexcept = default;
ZipReader::~ZipReader() = default;

absl::StatusOr<ZipReader> ZipReader::open(std::string_view content, std::string_view file,
                                          std::int64_t max_bytes) {
  Error error;
  zip_source_t* source = zip_source_buffer_create(content.data(), content.size(), 0, &error.e);
  if (source == nullptr) return bad(file, error.text());
  ZipReader out;
  out.file_ = file;
  out.archive_->zip.reset(zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error.e));
  zip_t* const zip = out.archive_->zip.get();
  if (zip == nullptr) {
    zip_source_free(source);
    return bad(file, fmt::format("no whole zip archive: {}", error.text()));
  }

  const zip_int64_t count = zip_get_num_entries(zip, 0);
  std::uint64_t packed = 0, unpacked = 0;
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    if (zip_stat_index(zip, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW, &stat) != 0 ||
        (stat.valid & (ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE)) !=
            (ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE)) {
      return bad(file, fmt::format("entry {} of the archive: {}", i, zip_strerror(zip)));
    }
    if (!out.by_name_.emplace(stat.name, static_cast<int>(i)).second) {
      return bad(file, fmt::format("two entries of the archive are called \"{}\"", stat.name));
    }
    if (stat.encryption_method != ZIP_EM_NONE) {
      return absl::UnimplementedError(fmt::format("{}: entry \"{}\" is encrypted", file, stat.name));
    }
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
      return absl::UnimplementedError(
          fmt::format("{}: entry \"{}\" is compressed by method {}; stored entries and deflate are read",
                      file, stat.name, stat.comp_method));
    }
    if (stat.comp_method == ZIP_CM_STORE && stat.size != stat.comp_size) {
      return bad(file, fmt::format("entry \"{}\" is stored in {} bytes and said to be {} long", stat.name,
                                   stat.comp_size, stat.size));
    }
    if (__builtin_add_overflow(packed, stat.comp_size, &packed) || packed > content.size()) {
      return bad(file,
                 fmt::format("its entries overlap: up to \"{}\" they have more than the {} bytes of the "
                             "archive",
                             stat.name, content.size()));
    }
    if (__builtin_add_overflow(unpacked, stat.size, &unpacked)) {
      unpacked = std::numeric_limits<std::uint64_t>::max();
    }
    if (unpacked / kMaxUnpackRatio > content.size()) {
      return absl::ResourceExhaustedError(
          fmt::format("{}: up to entry \"{}\" it unpacks to {} bytes, more than {} times its own {}", file,
                      stat.name, unpacked, kMaxUnpackRatio, content.size()));
    }
    if (unpacked > static_cast<std::uint64_t>(max_bytes)) {
      return absl::ResourceExhaustedError(
          fmt::format("{}: up to entry \"{}\" it unpacks to {} bytes; at most {} are taken", file, stat.name,
                      unpacked, max_bytes));
    }
    out.entries_.push_back({stat.name, static_cast<std::int64_t>(stat.size)});
  }
  return out;
}

int ZipReader::find(const std::string& name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? -1 : it->second;
}

absl::StatusOr<std::string> ZipReader::read(int entry) const {
  const ZipEntry& e = entries_[static_cast<std::size_t>(entry)];
  const auto wrong = [&](std::string_view what) {
    return bad(file_, fmt::format("entry \"{}\" of the archive: {}", e.name, what));
  };
  zip_t* const zip = archive_->zip.get();
  const std::unique_ptr<zip_file_t, CloseEntry> f(zip_fopen_index(zip, static_cast<zip_uint64_t>(entry), 0));
  if (f == nullptr) return wrong(zip_strerror(zip));
  std::string out(static_cast<std::size_t>(e.bytes), '\0');
  std::size_t done = 0;
  while (done < out.size()) {
    const zip_int64_t n = zip_fread(f.get(), out.data() + done, out.size() - done);
    if (n < 0) return wrong(zip_file_strerror(f.get()));
    if (n == 0) return wrong(fmt::format("it ends after {} of {} bytes", done, out.size()));
    done += static_cast<std::size_t>(n);
  }
  // The checksum is compared when the end is read.
  char more = 0;
  const zip_int64_t n = zip_fread(f.get(), &more, 1);
  if (n < 0) return wrong(zip_file_strerror(f.get()));
  if (n > 0) return wrong(fmt::format("it is longer than its {} bytes", out.size()));
  return out;
}

absl::StatusOr<std::string> write_zip(const std::vector<ZipContent>& entries, std::string_view file) {
  const auto wrong = [&](const char* what) {
    return absl::InternalError(fmt::format("{}: the archive could not be made: {}", file, what));
  };
  Error error;
  const std::unique_ptr<zip_source_t, FreeSource> target(zip_source_buffer_create(nullptr, 0, 0, &error.e));
  if (target == nullptr) return wrong(error.text());
  zip_source_keep(target.get());  // zip_close() drops the archive's share
  std::unique_ptr<zip_t, Discard> zip(
      zip_open_from_source(target.get(), ZIP_CREATE | ZIP_TRUNCATE, &error.e));
  if (zip == nullptr) {
    zip_source_free(target.get());
    return wrong(error.text());
  }
  for (const ZipContent& e : entries) {
    zip_source_t* bytes = zip_source_buffer(zip.get(), e.bytes.data(), e.bytes.size(), 0);
    if (bytes == nullptr) return wrong(zip_strerror(zip.get()));
    const zip_int64_t i = zip_file_add(zip.get(), e.name.c_str(), bytes, ZIP_FL_ENC_UTF_8);
    if (i < 0) {
      zip_source_free(bytes);
      return wrong(zip_strerror(zip.get()));
    }
    // 1980-01-01, the first day of the format.
    const auto index = static_cast<zip_uint64_t>(i);
    if (zip_set_file_compression(zip.get(), index, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip.get(), index, 0, 1 << 5 | 1, 0) != 0) {
      return wrong(zip_strerror(zip.get()));
    }
  }
  if (entries.empty()) {
    // libzip writes no archive without entries; this is the record of the end of one.
    return std::string("PK\x05\x06", 4) + std::string(18, '\0');
  }
  if (zip_close(zip.get()) != 0) return wrong(zip_strerror(zip.get()));
  (void)zip.release();  // NOLINT(bugprone-unused-return-value): closed, and with it freed

  zip_stat_t stat;
  if (zip_source_stat(target.get(), &stat) != 0 || zip_source_open(target.get()) != 0) {
    return wrong(zip_error_strerror(zip_source_error(target.get())));
  }
  std::string out(static_cast<std::size_t>(stat.size), '\0');
  const zip_int64_t n = zip_source_read(target.get(), out.data(), out.size());
  zip_source_close(target.get());
  if (n != static_cast<zip_int64_t>(out.size())) return wrong("its bytes could not be read back");
  return out;
}

}  // namespace gradus::data
