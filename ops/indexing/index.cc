// index and index_put: Python's x[items], put together from views (select, slice, unsqueeze, flip) and one
// look-up, so that their derivatives are those of what they are put together from.
//
// Note [Where the looked-up shape goes]
// Tensors among the items broadcast to one shape. It stands in place of the axes they index, where these
// stand side by side, and in front of all others where they do not. NumPy counts numbers as tensors when it
// decides that, PyTorch takes them away first: x[0, :, places] has its shape in front for NumPy, last for
// PyTorch. Where the two differ the call is refused.
#include "gradus/ops/indexing/index.h"

#include <algorithm>
#include <vector>

#include "gradus/graph/describe.h"
#include "gradus/graph/tensor_impl.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

// A list of places along one axis.
struct Places {
  int axis = 0;         // of the view that is looked up in
  int source_axis = 0;  // of x, for messages
  std::size_t item = 0;
  Tensor list;
};

class Lookup {
 public:
  // `x` is what messages speak of; the items are applied to `t`, of its shape.
  Lookup(const TensorImpl& x, Tensor t, std::span<const IndexItem> items, const char* op, Location where)
      : x_(x), t_(std::move(t)), items_(items), op_(op), where_(where) {}

  Tensor run() {
    count_axes();
    for (std::size_t i = 0; i < items_.size(); ++i) apply_item(i);
    return places_.empty() ? t_ : look_up();
  }

 private:
  template <class E, class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) const {
    throw_error<E>(where_, op_, text, std::forward<Args>(args)...);
  }

  // How many axes the items take, and so how many the ellipsis stands for.
  void count_axes() {
    int axes = 0;
    int ellipses = 0;
    tensors_ = 0;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const IndexItem& item = items_[i];
      switch (item.kind()) {
        case IndexItem::Kind::number:
        case IndexItem::Kind::slice:
          ++axes;
          break;
        case IndexItem::Kind::ellipsis:
          ++ellipses;
          break;
        case IndexItem::Kind::new_axis:
          break;
        case IndexItem::Kind::tensor:
          axes += axes_of_tensor(item.tensor(), i);
          ++tensors_;
          break;
      }
    }
    if (ellipses > 1) fail<ValueError>("{} ellipses; at most one can stand for the axes left over", ellipses);
    if (axes > x_.rank) {
      fail<ShapeError>("the items index {} axes, but x {} has {}", axes, describe(x_), x_.rank);
    }
    left_over_ = x_.rank - axes;
  }

  int axes_of_tensor(const Tensor& t, std::size_t item) const {
    if (!t.defined()) fail<ValueError>("item {} is an empty handle; it was never given a tensor", item);
    if (t.dtype() == DType::i64) return 1;
    if (t.dtype() != DType::boolean) {
      fail<DtypeError>("item {} is {}; places are i64 and masks bool: convert it with astype()", item,
                       describe(t));
    }
    if (t.rank() == 0) fail<ShapeError>("item {} is a mask without axes; it has at least one", item);
    return t.rank();
  }

  void apply_item(std::size_t i) {
    const IndexItem& item = items_[i];
    switch (item.kind()) {
      case IndexItem::Kind::number:
        pick(item.number(), i);
        break;
      case IndexItem::Kind::slice:
        cut(item.slice(), i);
        break;
      case IndexItem::Kind::ellipsis:
        axis_ += left_over_;
        source_axis_ += left_over_;
        break;
      case IndexItem::Kind::new_axis:
        t_ = unsqueeze({t_, where_}, axis_++);
        break;
      case IndexItem::Kind::tensor:
        if (item.tensor().dtype() == DType::boolean)
          add_mask(item.tensor(), i);
        else if (item.tensor().rank() == 0)
          pick(item.tensor().item<std::int64_t>(), i);
        else
          add_places(item.tensor(), i);
        break;
    }
  }

  void pick(std::int64_t i, std::size_t item) {
    const std::int64_t size = t_.size(axis_);
    if (i < -size || i >= size) {
      fail<ValueError>("index {} (item {}) is out of range: axis {} of x {} has the size {}", i, item,
                       source_axis_, describe(x_), size);
    }
    t_ = select({t_, where_}, axis_, i);
    ++source_axis_;
    looks_up(item);
  }

  void cut(const Slice& s, std::size_t item) {
    const std::int64_t step = s.step.value_or(1), size = t_.size(axis_);
    if (step == 0) fail<ValueError>("the step of item {} is 0", item);
    if (step > 0) {
      if (s.start || s.end || step != 1)
        t_ = slice({t_, where_}, axis_, s.start.value_or(0), s.end.value_or(kEnd), step);
    } else {
      // Backwards from start to before end: the same elements forwards, then turned round.
      const auto bound = [size](std::int64_t i) {
        return std::clamp<std::int64_t>(i < 0 ? i + size : i, -1, size - 1);
      };
      const std::int64_t back = -std::max(step, -kEnd);
      const std::int64_t start = s.start ? bound(*s.start) : size - 1, end = s.end ? bound(*s.end) : -1;
      if (start <= end) {
        t_ = slice({t_, where_}, axis_, 0, 0);
      } else {
        const std::int64_t first = start - (start - end - 1) / back * back;
        const Tensor forwards = slice({t_, where_}, axis_, first, start + 1, back);
        t_ = flip({forwards, where_}, Dims(axis_));
      }
    }
    ++axis_;
    ++source_axis_;
  }

  void add_places(const Tensor& list, std::size_t item) {
    places_.push_back({axis_++, source_axis_++, item, list});
    looks_up(item);
  }

  void add_mask(const Tensor& mask, std::size_t item) {
    for (int k = 0; k < mask.rank(); ++k) {
      if (mask.size(k) != t_.size(axis_ + k)) {
        fail<ShapeError>("the mask {} (item {}) has {} in its axis {}, where axis {} of x {} has {}",
                         describe(mask), item, mask.size(k), k, source_axis_ + k, describe(x_),
                         t_.size(axis_ + k));
      }
    }
    looks_up(item);
    if (tensors_ == 1 && mask.rank() > 1) return add_lone_mask(mask, item);
    const Tensor all = nonzero({mask, where_});
    for (int k = 0; k < mask.rank(); ++k) {
      places_.push_back({axis_++, source_axis_++, item, select({all, where_}, 1, k)});
    }
  }

  // The axes that it masks as one, with one list instead of one for each.
  void add_lone_mask(const Tensor& mask, std::size_t item) {
    Shape merged;
    for (int i = 0; i < axis_; ++i) merged.push_back(t_.size(i));
    merged.push_back(mask.numel());
    for (int i = axis_ + mask.rank(); i < t_.rank(); ++i) merged.push_back(t_.size(i));
    t_ = reshape({t_, where_}, merged);
    const Tensor all = nonzero({reshape({mask, where_}, {mask.numel()}), where_});
    places_.push_back({axis_++, source_axis_, item, select({all, where_}, 1, 0)});
    source_axis_ += mask.rank();
  }

  // Notes a number or tensor for NumPy's way to count.
  void looks_up(std::size_t item) {
    if (first_item_ == kNone) first_item_ = item;
    last_item_ = item;
  }

  // Numbers and tensors without anything between them.
  bool numpy_side_by_side() const {
    for (std::size_t i = first_item_; i <= last_item_; ++i) {
      const IndexItem::Kind kind = items_[i].kind();
      if (kind != IndexItem::Kind::number && kind != IndexItem::Kind::tensor) return false;
    }
    return true;
  }

  Shape looked_up_shape() const {
    int rank = 0;
    for (const Places& p : places_) rank = std::max(rank, p.list.rank());
    Shape shape;
    for (int i = 0; i < rank; ++i) {
      std::int64_t size = 1;
      for (const Places& p : places_) {
        const int k = i - (rank - p.list.rank());
        const std::int64_t n = k < 0 ? 1 : p.list.size(k);
        if (n == 1 || n == size) continue;
        if (size != 1) fail_broadcast();
        size = n;
      }
      shape.push_back(size);
    }
    return shape;
  }

  [[noreturn]] void fail_broadcast() const {
    std::string shapes;
    for (const Places& p : places_) {
      const Shape s = p.list.shape();
      shapes += fmt::format("{}item {} {}", shapes.empty() ? "" : ", ", p.item,
                            format_shape({s.data(), static_cast<std::size_t>(s.rank())}));
    }
    fail<ShapeError>(
        "the places do not broadcast: {} (a mask counts as a list of its true places); sizes must "
        "be equal or 1",
        shapes);
  }

  // One number for each looked-up element: its place within the axes that are looked up in.
  Tensor numbers(const Shape& shape) const {
    Tensor result = empty({shape.numel()}, DType::i64, where_);
    const std::span<std::int64_t> out = result.mutable_span<std::int64_t>();
    std::fill(out.begin(), out.end(), 0);
    for (const Places& p : places_) {
      const std::int64_t size = t_.size(p.axis);
      std::vector<std::int64_t> list = p.list.to_vector<std::int64_t>();
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i] < -size || list[i] >= size) fail_range(p, i, list[i], size);
        if (list[i] < 0) list[i] += size;
      }
      // The step of the list along each axis of the shape; 0 where it broadcasts.
      std::int64_t steps[kMaxRank] = {};
      std::int64_t step = 1;
      for (int k = p.list.rank() - 1, a = shape.rank() - 1; k >= 0; --k, --a) {
        steps[a] = p.list.size(k) == 1 ? 0 : step;
        step *= p.list.size(k);
      }
      std::int64_t at[kMaxRank] = {};
      std::int64_t from = 0;
      for (std::int64_t& n : out) {
        n = n * size + list[static_cast<std::size_t>(from)];
        for (int a = shape.rank() - 1; a >= 0; --a) {
          from += steps[a];
          if (++at[a] < shape[a]) break;
          from -= steps[a] * shape[a];
          at[a] = 0;
        }
      }
    }
    return result;
  }

  [[noreturn]] void fail_range(const Places& p, std::size_t i, std::int64_t value, std::int64_t size) const {
    Shape at = p.list.shape();
    auto rest = static_cast<std::int64_t>(i);
    for (int k = at.rank() - 1; k >= 0; --k) {
      const std::int64_t n = at[k];
      at[k] = rest % n;
      rest /= n;
    }
    fail<ValueError>("index {} at {} of item {} is out of range: axis {} of x {} has the size {}", value,
                     format_shape({at.data(), static_cast<std::size_t>(at.rank())}), p.item, p.source_axis,
                     describe(x_), size);
  }

  Tensor look_up() {
    const int count = static_cast<int>(places_.size());
    const bool together = places_.back().axis - places_.front().axis == count - 1;
    int first = places_.front().axis;
    // See Note [Where the looked-up shape goes].
    if (together && first != 0 && !numpy_side_by_side()) {
      fail<ValueError>(
          "items {} to {} are not side by side: NumPy puts the shape of the looked-up axes in front, PyTorch "
          "leaves it at axis {}; index with the numbers first, then with the tensors",
          first_item_, last_item_, first);
    }
    const Shape shape = looked_up_shape();
    const Tensor list = numbers(shape);
    if (!together) {
      Dims from, to;
      for (int k = 0; k < count; ++k) {
        from.push_back(places_[static_cast<std::size_t>(k)].axis);
        to.push_back(k);
      }
      t_ = movedim({t_, where_}, from, to);
      first = 0;
    }
    if (t_.rank() - count + shape.rank() > kMaxRank) {
      fail<ShapeError>("the result would have {} axes; {} is the most", t_.rank() - count + shape.rank(),
                       kMaxRank);
    }
    // The looked-up axes as one, that looked up, and the result's shape in its place.
    Shape merged, result;
    std::int64_t places = 1;
    for (int i = 0; i < first; ++i) {
      merged.push_back(t_.size(i));
      result.push_back(t_.size(i));
    }
    for (int i = first; i < first + count; ++i) places *= t_.size(i);
    merged.push_back(places);
    for (std::int64_t n : shape) result.push_back(n);
    for (int i = first + count; i < t_.rank(); ++i) {
      merged.push_back(t_.size(i));
      result.push_back(t_.size(i));
    }
    const Tensor one_axis = count == 1 ? t_ : reshape({t_, where_}, merged);
    const Tensor found = index_select({one_axis, where_}, first, list);
    return shape.rank() == 1 ? found : reshape({found, where_}, result);
  }

  static constexpr std::size_t kNone = ~std::size_t{0};

  const TensorImpl& x_;
  Tensor t_;
  std::span<const IndexItem> items_;
  const char* op_;
  Location where_;
  int left_over_ = 0;
  int tensors_ = 0;
  int axis_ = 0;         // of t_: the next one to be indexed
  int source_axis_ = 0;  // the same axis of x
  std::size_t first_item_ = kNone, last_item_ = 0;
  std::vector<Places> places_;
};

}  // namespace

Tensor index(Operand x, std::span<const IndexItem> items) {
  if (x.impl == nullptr) x.fail_undefined();
  // x[mask] needs no list of places.
  if (items.size() == 1 && items[0].kind() == IndexItem::Kind::tensor) {
    const Tensor& mask = items[0].tensor();
    if (mask.defined() && mask.dtype() == DType::boolean && mask.rank() > 0 &&
        same_dims(*mask.impl(), *x.impl))
      return masked_select(x, {mask, x.where});
  }
  return Lookup(*x.impl, Tensor::share(x.impl), items, "index", x.where).run();
}

// The items index the places of x's elements in row-major order; that tells where the values go.
Tensor index_put(Operand x, std::span<const IndexItem> items, Operand values, bool accumulate) {
  constexpr const char* kName = "index_put";
  if (x.impl == nullptr) x.fail_undefined();
  if (values.impl == nullptr) values.fail_undefined();
  const Tensor t = Tensor::share(x.impl), v = Tensor::share(values.impl);
  if (v.dtype() != t.dtype()) {
    throw_error<DtypeError>(x.where, kName, "dtypes differ: x {}, values {}; convert one with astype()",
                            describe(t), describe(v));
  }
  const Tensor numbers = reshape({arange(t.numel()), x.where}, t.shape());
  const Tensor places = Lookup(*x.impl, numbers, items, kName, x.where).run();
  const Shape to = places.shape();
  bool fits = v.rank() <= to.rank();
  for (int k = 0; fits && k < v.rank(); ++k) {
    const std::int64_t n = v.size(k);
    fits = n == 1 || n == to[to.rank() - v.rank() + k];
  }
  if (!fits) {
    throw_error<ShapeError>(x.where, kName, "values {} do not broadcast to {}, the shape of what is indexed",
                            describe(v), format_shape({to.data(), static_cast<std::size_t>(to.rank())}));
  }
  const Tensor spread = expand({v, x.where}, to);
  const Tensor flat = reshape({t, x.where}, {t.numel()});
  const Tensor source = reshape({spread, x.where}, {places.numel()});
  const Tensor list = reshape({places, x.where}, {places.numel()});
  const Tensor result =
      accumulate ? index_add({flat, x.where}, 0, list, source) : scatter({flat, x.where}, 0, list, source);
  return reshape({result, x.where}, t.shape());
}

Tensor index_put(Operand x, std::span<const IndexItem> items, Scalar value, bool accumulate) {
  const Tensor number = scalar_like(x, value, "index_put");
  return index_put(x, items, Operand(number, x.where), accumulate);
}

}  // namespace gradus
