#include "gradus/data/format/pickle.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <optional>
#include <unordered_map>

namespace gradus::data {
namespace {

using Kind = Pickled::Kind;

class Machine {
 public:
  Machine(std::string_view content, std::string_view file, bool (*allowed)(std::string_view))
      : content_(content), file_(file), allowed_(allowed) {}

  absl::StatusOr<Pickle> run() {
    while (status_.ok() && pickle_.root == nullptr) {
      op_ = at_;
      step(static_cast<unsigned char>(take(1)[0]));
    }
    if (!status_.ok()) return status_;
    return std::move(pickle_);
  }

 private:
  // The first error stays; after it, operands are zeros and the stack gives none.
  void wrong(std::string_view what) {
    if (status_.ok())
      status_ = absl::DataLossError(fmt::format("{}: pickle, at byte {}: {}", file_, op_, what));
  }
  void refuse(std::string_view what) {
    if (status_.ok())
      status_ = absl::UnimplementedError(fmt::format("{}: pickle, at byte {}: {}", file_, op_, what));
  }

  // --- operands
  std::string_view take(std::uint64_t n) {
    if (n > content_.size() - at_) {
      wrong(fmt::format("cut off: {} bytes of an operand are wanted, {} follow", n, content_.size() - at_));
      return {"\0\0\0\0\0\0\0\0", 8};
    }
    const std::string_view out = content_.substr(at_, static_cast<std::size_t>(n));
    at_ += static_cast<std::size_t>(n);
    return out;
  }
  template <class T>
  T number() {
    T x{};
    std::memcpy(&x, take(sizeof(T)).data(), sizeof(T));
    return x;
  }
  std::string_view line() {
    const std::size_t end = content_.find('\n', at_);
    if (end == std::string_view::npos) {
      wrong("cut off in a line of text");
      return {};
    }
    const std::string_view out = content_.substr(at_, end - at_);
    at_ = end + 1;
    return out;
  }

  // --- the stack
  Pickled* make(Kind kind) {
    pickle_.objects.push_back(std::make_unique<Pickled>());
    Pickled* const p = pickle_.objects.back().get();
    p->kind = kind;
    p->offset = op_;
    return p;
  }
  Pickled* push(Kind kind) {
    stack_.push_back(make(kind));
    return stack_.back();
  }
  void push_whole(Kind kind, std::int64_t value) { push(kind)->whole = value; }
  void push_text(std::string_view text) { push(Kind::text)->text = text; }
  Pickled* pop() {
    if (stack_.empty() || stack_.back()->kind == Kind::mark) {
      wrong("the stack is empty");
      return make(Kind::none);
    }
    Pickled* const p = stack_.back();
    stack_.pop_back();
    return p;
  }
  Pickled* top() {
    Pickled* const p = pop();
    stack_.push_back(p);
    return p;
  }
  std::vector<const Pickled*> pop_to_mark() {
    std::size_t n = stack_.size();
    while (n > 0 && stack_[n - 1]->kind != Kind::mark) --n;
    if (n == 0) {
      wrong("there is no mark on the stack");
      return {};
    }
    std::vector<const Pickled*> out(stack_.begin() + static_cast<std::ptrdiff_t>(n), stack_.end());
    stack_.resize(n - 1);
    return out;
  }
  void push_tuple(int n) {
    std::vector<const Pickled*> items(static_cast<std::size_t>(n));
    for (int i = n - 1; i >= 0; --i) items[static_cast<std::size_t>(i)] = pop();
    push(Kind::tuple)->items = std::move(items);
  }
  void extend(Kind kind, const std::vector<const Pickled*>& items) {
    Pickled* const p = top();
    if (p->kind != kind)
      return wrong(kind == Kind::dict ? "entries for what is no dict" : "items for what is no list");
    if (kind == Kind::dict && items.size() % 2 != 0) return wrong("a key of a dict without value");
    p->items.insert(p->items.end(), items.begin(), items.end());
  }
  void push_global(std::string_view module, std::string_view name) {
    const std::string full = fmt::format("{} {}", module, name);
    if (!allowed_(full)) {
      return refuse(
          fmt::format("{}.{} is not among the classes and functions that are read; save plain tensors, "
                      "torch.save(model.state_dict(), path)",
                      module, name));
    }
    push(Kind::global)->text = full;
  }
  void call() {
    const Pickled* const arguments = pop();
    const Pickled* const function = pop();
    if (function->kind != Kind::global || arguments->kind != Kind::tuple) {
      return wrong("a call of what is no function, or without a tuple of arguments");
    }
    if (function->text == "collections OrderedDict") {
      if (!arguments->items.empty()) return wrong("an OrderedDict that is made with arguments");
      push(Kind::dict);
      return;
    }
    Pickled* const p = push(Kind::call);
    p->text = function->text;
    p->items = arguments->items;
  }
  void get(std::uint32_t key) {
    const auto it = memo_.find(key);
    if (it == memo_.end()) return wrong(fmt::format("nothing was kept under {}", key));
    stack_.push_back(it->second);
  }
  void long_number(std::uint64_t n) {
    if (n > 8) return refuse(fmt::format("a whole number of {} bytes; gradus reads up to 8", n));
    const std::string_view bytes = take(n);
    std::uint64_t x = 0;
    for (std::size_t i = 0; i < n; ++i) x |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    if (n > 0 && n < 8 && (x >> (8 * n - 1) & 1) != 0) x |= ~std::uint64_t{0} << (8 * n);
    push_whole(Kind::whole, static_cast<std::int64_t>(x));
  }

  void step(unsigned char code) {
    if (!status_.ok()) return;
    switch (code) {
      case 0x80:  // PROTO
        if (const int protocol = number<std::uint8_t>(); protocol < 2 || protocol > 5) {
          refuse(fmt::format("protocol {}; 2 to 5 are read", protocol));
        }
        return;
      case 0x95:  // FRAME
        (void)number<std::uint64_t>();
        return;
      case '.':  // STOP
        pickle_.root = pop();
        return;
      case '(':
        push(Kind::mark);
        return;
      case '0':  // POP
        (void)pop();
        return;
      case '2':  // DUP
        stack_.push_back(top());
        return;
      case 'N':
        push(Kind::none);
        return;
      case 0x88:  // NEWTRUE
        return push_whole(Kind::boolean, 1);
      case 0x89:  // NEWFALSE
        return push_whole(Kind::boolean, 0);
      case 'K':
        return push_whole(Kind::whole, number<std::uint8_t>());
      case 'M':
        return push_whole(Kind::whole, number<std::uint16_t>());
      case 'J':
        return push_whole(Kind::whole, number<std::int32_t>());
      case 0x8A:  // LONG1
        return long_number(number<std::uint8_t>());
      case 'G': {  // BINFLOAT, big-endian
        const std::uint64_t bits = __builtin_bswap64(number<std::uint64_t>());
        push(Kind::real)->real = std::bit_cast<double>(bits);
        return;
      }
      case 'X':
        return push_text(take(number<std::uint32_t>()));
      case 0x8C:  // SHORT_BINUNICODE
        return push_text(take(number<std::uint8_t>()));
      case 0x8D:  // BINUNICODE8
        return push_text(take(number<std::uint64_t>()));
      case ')':
        push(Kind::tuple);
        return;
      case 0x85:  // TUPLE1
      case 0x86:
      case 0x87:
        return push_tuple(code - 0x84);
      case 't': {
        std::vector<const Pickled*> items = pop_to_mark();
        push(Kind::tuple)->items = std::move(items);
        return;
      }
      case ']':
        push(Kind::list);
        return;
      case 'a':  // APPEND
        return extend(Kind::list, {pop()});
      case 'e':  // APPENDS
        return extend(Kind::list, pop_to_mark());
      case '}':
        push(Kind::dict);
        return;
      case 's': {  // SETITEM
        const Pickled* const value = pop();
        const Pickled* const key = pop();
        return extend(Kind::dict, {key, value});
      }
      case 'u':  // SETITEMS
        return extend(Kind::dict, pop_to_mark());
      case 'q':  // BINPUT
        memo_[number<std::uint8_t>()] = top();
        return;
      case 'r':
        memo_[number<std::uint32_t>()] = top();
        return;
      case 0x94:  // MEMOIZE
        memo_[static_cast<std::uint32_t>(memo_.size())] = top();
        return;
      case 'h':  // BINGET
        return get(number<std::uint8_t>());
      case 'j':
        return get(number<std::uint32_t>());
      case 'c': {  // GLOBAL
        const std::string_view module = line();
        return push_global(module, line());
      }
      case 0x93: {  // STACK_GLOBAL
        const Pickled* const name = pop();
        const Pickled* const module = pop();
        if (name->kind != Kind::text || module->kind != Kind::text)
          return wrong("a class whose name is no text");
        return push_global(module->text, name->text);
      }
      case 'R':  // REDUCE
        return call();
      case 'b': {  // BUILD: attributes that Python sets on an object; a state dict keeps its _metadata so
        const Pickled* const state = pop();
        if (top()->kind != Kind::dict || state->kind != Kind::dict)
          refuse("an object with a state of its own");
        return;
      }
      case 'Q': {  // BINPERSID
        const Pickled* const id = pop();
        push(Kind::persistent)->items = {id};
        return;
      }
      default:
        refuse(fmt::format("opcode 0x{:02x} is not among those that are read", code));
    }
  }

  std::string_view content_, file_;
  bool (*allowed_)(std::string_view);
  std::size_t at_ = 0, op_ = 0;
  absl::Status status_;
  Pickle pickle_;
  std::vector<Pickled*> stack_;
  std::unordered_map<std::uint32_t, Pickled*> memo_;
};

}  // namespace

absl::StatusOr<Pickle> parse_pickle(std::string_view content, std::string_view file,
                                    bool (*allowed)(std::string_view)) {
  return Machine(content, file, allowed).run();
}

}  // namespace gradus::data
