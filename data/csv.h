// Tables of text, RFC 4180: rows of fields between delimiters, fields in quotes may hold delimiters, line
// ends and doubled quotes. Columns become tensors of numbers or of class numbers.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/base/file.h"
#include "gradus/graph/tensor.h"

namespace gradus::data {

struct CsvOptions {
  char delimiter = ',';
  bool header = true;  // the first row has the names of the columns; otherwise they are "0", "1", ...
  std::int64_t max_bytes = kMaxFileBytes;
};

// A column of words as numbers.
struct Categories {
  Tensor codes;                    // [rows] i64
  std::vector<std::string> words;  // of each code, in alphabetical order
};

class CsvTable {
 public:
  std::int64_t rows() const { return rows_; }
  const std::vector<std::string>& names() const { return names_; }
  // The field of a row in a column, both from 0.
  const std::string& at(std::int64_t row, std::size_t column) const {
    return fields_[static_cast<std::size_t>(row) * names_.size() + column];
  }

  // These columns as numbers, [rows, columns.size()]; `dtype` is f32, f64 or i64. Spaces around a number are
  // skipped; "nan" and "inf" are numbers of the floating types. Errors: NotFound for an unknown name,
  // InvalidArgument for a field that is no number of that type, with its line.
  absl::StatusOr<Tensor> numbers(const std::vector<std::string>& columns, DType dtype = DType::f32) const;
  // Errors: NotFound for an unknown name.
  absl::StatusOr<Categories> categories(const std::string& column) const;

 private:
  friend absl::StatusOr<CsvTable> parse_csv(std::string_view, std::string_view, const CsvOptions&);
  absl::StatusOr<std::size_t> find(const std::string& column) const;

  std::string file_;
  std::vector<std::string> names_;
  std::vector<std::string> fields_;
  std::vector<std::int64_t> lines_;  // where each row begins
  std::int64_t rows_ = 0;
};

// Errors: what reading gives; DataLoss, with the line, for a row of another length, a quote that does not end
// or that ends before the field does, two columns of one name.
absl::StatusOr<CsvTable> read_csv(const std::string& path, const CsvOptions& options = {});
// The same from memory; `name` stands in the messages.
absl::StatusOr<CsvTable> parse_csv(std::string_view content, std::string_view name,
                                   const CsvOptions& options = {});

}  // namespace gradus::data
