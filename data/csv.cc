#include "gradus/data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_set>

namespace gradus::data {
namespace {

absl::Status bad(std::string_view file, std::int64_t line, std::string_view what) {
  return absl::DataLossError(fmt::format("{}:{}: {}", file, line, what));
}

// Reads one row after the other.
class Scanner {
 public:
  Scanner(std::string_view text, std::string_view file, char delimiter)
      : text_(text), file_(file), delimiter_(delimiter) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;  // the byte order mark that some programs write
  }

  bool done() const { return at_ >= text_.size(); }
  std::int64_t line() const { return line_; }

  // Appends the fields of the next row.
  absl::Status row(std::vector<std::string>* out) {
    for (;;) {
      std::string field;
      if (peek() == '"') {
        if (absl::Status s = quoted(&field); !s.ok()) return s;
      } else {
        while (!done() && peek() != delimiter_ && peek() != '\n' && peek() != '\r') field += text_[at_++];
      }
      out->push_back(std::move(field));
      if (peek() == delimiter_) {
        ++at_;
        continue;
      }
      if (peek() == '\r') ++at_;
      if (peek() == '\n') ++at_;
      ++line_;
      return absl::OkStatus();
    }
  }

 private:
  // '\0' behind the end.
  char peek() const { return done() ? '\0' : text_[at_]; }

  absl::Status quoted(std::string* out) {
    const std::int64_t begin = line_;
    ++at_;
    for (; !done(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        *out += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        *out += text_[++at_];
      } else {
        ++at_;
        if (!done() && peek() != delimiter_ && peek() != '\n' && peek() != '\r') {
          return bad(file_, line_, "something follows the quote that ends a field");
        }
        return absl::OkStatus();
      }
    }
    return bad(file_, begin, "the quote of a field does not end");
  }

  std::string_view text_, file_;
  char delimiter_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

template <class T>
bool parse_number(std::string_view text, T* out) {
  text = trimmed(text);
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

absl::StatusOr<CsvTable> parse_csv(std::string_view content, std::string_view file,
                                   const CsvOptions& options) {
  if (options.delimiter == '"' || options.delimiter == '\n' || options.delimiter == '\r' ||
      options.delimiter == '\0') {
    return absl::InvalidArgumentError(
        fmt::format("{}: a quote, a line end and a zero byte cannot be the delimiter", file));
  }
  CsvTable t;
  t.file_ = file;
  Scanner scanner(content, file, options.delimiter);
  if (scanner.done()) return bad(file, 1, options.header ? "empty: a row of names is expected" : "empty");
  if (options.header) {
    if (absl::Status s = scanner.row(&t.names_); !s.ok()) return s;
    std::unordered_set<std::string_view> seen;
    for (const std::string& n : t.names_) {
      if (!seen.insert(n).second) return bad(file, 1, fmt::format("two columns are called \"{}\"", n));
    }
  }
  while (!scanner.done()) {
    const std::int64_t line = scanner.line();
    const std::size_t before = t.fields_.size();
    if (absl::Status s = scanner.row(&t.fields_); !s.ok()) return s;
    const std::size_t n = t.fields_.size() - before;
    if (!options.header && before == 0) {
      for (std::size_t i = 0; i < n; ++i) t.names_.push_back(std::to_string(i));
    }
    if (n == 1 && t.fields_.back().empty() && t.names_.size() != 1) {
      t.fields_.pop_back();  // an empty line
      continue;
    }
    if (n != t.names_.size()) {
      return bad(file, line, fmt::format("{} fields; the table has {} columns", n, t.names_.size()));
    }
    t.lines_.push_back(line);
  }
  t.rows_ = static_cast<std::int64_t>(t.lines_.size());
  return t;
}

absl::StatusOr<CsvTable> read_csv(const std::string& path, const CsvOptions& options) {
  const absl::StatusOr<std::string> content = read_file_maybe_gzip(path, options.max_bytes);
  if (!content.ok()) return content.status();
  return parse_csv(*content, path, options);
}

absl::StatusOr<std::size_t> CsvTable::find(const std::string& column) const {
  const auto it = std::find(names_.begin(), names_.end(), column);
  if (it != names_.end()) return static_cast<std::size_t>(it - names_.begin());
  return absl::NotFoundError(fmt::format("{}: there is no column \"{}\"; the columns are {}", file_, column,
                                         fmt::join(names_, ", ")));
}

absl::StatusOr<Tensor> CsvTable::numbers(const std::vector<std::string>& columns, DType dtype) const {
  if (dtype != DType::f32 && dtype != DType::f64 && dtype != DType::i64) {
    return absl::InvalidArgumentError(
        fmt::format("{}: numbers are f32, f64 or i64, not {}", file_, name(dtype)));
  }
  std::vector<std::size_t> where;
  for (const std::string& c : columns) {
    const absl::StatusOr<std::size_t> i = find(c);
    if (!i.ok()) return i.status();
    where.push_back(*i);
  }
  const auto fill = [&]<class T>(T) -> absl::StatusOr<Tensor> {
    Tensor t = empty({rows_, static_cast<std::int64_t>(columns.size())}, dtype_of<T>);
    auto to = t.mutable_span<T>().begin();
    for (std::int64_t r = 0; r < rows_; ++r) {
      for (const std::size_t c : where) {
        if (!parse_number(at(r, c), &*to++)) {
          return absl::InvalidArgumentError(fmt::format(
              "{}:{}: column \"{}\": \"{}\" is no number of {}", file_, lines_[static_cast<std::size_t>(r)],
              names_[c], std::string_view(at(r, c)).substr(0, 40), name(dtype)));
        }
      }
    }
    return t;
  };
  if (dtype == DType::f64) return fill(double{});
  if (dtype == DType::i64) return fill(std::int64_t{});
  return fill(float{});
}

absl::StatusOr<Categories> CsvTable::categories(const std::string& column) const {
  const absl::StatusOr<std::size_t> c = find(column);
  if (!c.ok()) return c.status();
  std::map<std::string_view, std::int64_t> codes;
  for (std::int64_t r = 0; r < rows_; ++r) codes[at(r, *c)] = 0;
  Categories out;
  for (auto& [word, code] : codes) {
    code = static_cast<std::int64_t>(out.words.size());
    out.words.emplace_back(word);
  }
  out.codes = empty({rows_}, DType::i64);
  auto to = out.codes.mutable_span<std::int64_t>();
  for (std::int64_t r = 0; r < rows_; ++r) to[static_cast<std::size_t>(r)] = codes[at(r, *c)];
  return out;
}

}  // namespace gradus::data
