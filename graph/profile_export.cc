#include "gradus/graph/profile_export.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "gradus/base/format.h"
#include "gradus/graph/json_text.h"
#include "gradus/graph/op_def.h"

namespace gradus {
namespace {

// A bar of the flame graph begins or ends.
struct Event {
  bool begins;
  std::int64_t at_ns;
  std::string name;
  const ProfiledCall* call;  // nullptr: a bar around calls
};

std::string bar_name(const ProfiledCall& c) {
  switch (c.kind) {
    case ProfiledCall::Kind::walk:
      return "backward";
    case ProfiledCall::Kind::rule:
      return fmt::format("{} backward", c.op->name);
    default:
      return c.op->name;
  }
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Properly nested: each end belongs to the last bar that has not ended.
class Bars {
 public:
  std::vector<Event> events;

  void add(const ProfiledCall& c, ModuleOfCall module_of) {
    const std::int64_t end = c.start_ns + c.duration_ns;
    // What ended before it began.
    const auto over = [&](const Bar& b) { return b.call != nullptr && b.end <= c.start_ns; };
    const auto still =
        static_cast<std::size_t>(std::find_if(open_.begin(), open_.end(), over) - open_.begin());
    while (open_.size() > still) pop();
    // Within the innermost call that still runs: the bars of its modules.
    std::size_t base = open_.size();
    while (base > 0 && open_[base - 1].call == nullptr) --base;
    std::vector<std::string> path;
    if (base == 0 && c.kind == ProfiledCall::Kind::forward) path.emplace_back("forward");
    const bool in_rule = base > 0 && open_[base - 1].call->kind != ProfiledCall::Kind::walk;
    if (c.kind != ProfiledCall::Kind::walk && !in_rule) {
      for (std::string& part : split(module_of(c))) path.push_back(std::move(part));
    }
    std::size_t same = 0;
    while (same < path.size() && base + same < open_.size() && open_[base + same].name == path[same]) ++same;
    while (open_.size() > base + same) pop();
    for (std::size_t i = same; i < path.size(); ++i) push(path[i], c.start_ns, c.start_ns, nullptr);
    push(bar_name(c), c.start_ns, end, &c);
    // The bars around it last at least as long; calls are never longer than what they ran in.
    for (Bar& b : open_) b.end = std::max(b.end, end);
  }

  void finish() {
    while (!open_.empty()) pop();
  }

 private:
  struct Bar {
    std::string name;
    std::int64_t end;
    const ProfiledCall* call;
  };
  void push(const std::string& name, std::int64_t begin, std::int64_t end, const ProfiledCall* call) {
    events.push_back({true, begin, name, call});
    open_.push_back({name, end, call});
  }
  void pop() {
    events.push_back({false, open_.back().end, open_.back().name, open_.back().call});
    open_.pop_back();
  }
  std::vector<Bar> open_;
};

std::vector<Event> events_of(std::span<const ProfiledCall> calls, ModuleOfCall module_of) {
  Bars bars;
  for (const ProfiledCall& c : calls) bars.add(c, module_of);
  bars.finish();
  for (Event& e : bars.events) e.at_ns -= calls.front().start_ns;
  return std::move(bars.events);
}

std::string shapes_text(const std::vector<ProfiledTensor>& tensors) {
  std::string out;
  for (const ProfiledTensor& t : tensors) {
    out +=
        fmt::format("{}{}{} {}", out.empty() ? "" : ", ", t.name.empty() ? "" : t.name + " ",
                    format_shape({t.shape.data(), static_cast<std::size_t>(t.shape.size())}), name(t.dtype));
  }
  return out;
}

}  // namespace

std::string to_speedscope(std::span<const ProfiledCall> calls, ModuleOfCall module_of,
                          const ProfileExportOptions& options) {
  const std::vector<Event> events = events_of(calls, module_of);
  // One frame a name and place.
  std::map<std::tuple<std::string, std::string, std::uint32_t>, std::size_t> frames;
  std::string frame_texts;
  std::string event_texts;
  std::int64_t last = 0;
  std::vector<std::size_t> open;
  for (const Event& e : events) {
    std::size_t frame = 0;
    if (e.begins) {
      const bool placed = e.call != nullptr && e.call->where.file != nullptr;
      const std::string file = placed ? e.call->where.file : "";
      const auto [it, is_new] =
          frames.try_emplace({e.name, file, placed ? e.call->where.line : 0}, frames.size());
      if (is_new) {
        frame_texts += fmt::format("{}\n{{\"name\":{}", frames.size() == 1 ? "" : ",", json_text(e.name));
        if (placed)
          frame_texts += fmt::format(",\"file\":{},\"line\":{}", json_text(file), e.call->where.line);
        frame_texts += "}";
      }
      frame = it->second;
      open.push_back(frame);
    } else {
      frame = open.back();
      open.pop_back();
    }
    last = std::max(last, e.at_ns);
    event_texts += fmt::format("{}\n{{\"type\":\"{}\",\"frame\":{},\"at\":{}}}",
                               event_texts.empty() ? "" : ",", e.begins ? 'O' : 'C', frame, e.at_ns);
  }
  const std::string title = json_text(options.title.empty() ? "gradus" : options.title);
  return fmt::format(
      "{{\"$schema\":\"https://www.speedscope.app/"
      "file-format-schema.json\",\"exporter\":\"gradus\",\"name\":{},"
      "\"activeProfileIndex\":0,\"shared\":{{\"frames\":[{}]}},\n\"profiles\":[{{\"type\":\"evented\","
      "\"name\":{},"
      "\"unit\":\"nanoseconds\",\"startValue\":0,\"endValue\":{},\"events\":[{}]}}]}}\n",
      title, frame_texts, title, last, event_texts);
}

std::string to_chrome_trace(std::span<const ProfiledCall> calls, ModuleOfCall module_of,
                            const ProfileExportOptions& options) {
  const std::string title = json_text(options.title.empty() ? "gradus" : options.title);
  std::string out = fmt::format(
      "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
      "{{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"tid\":1,\"args\":{{\"name\":{}}}}}",
      title);
  for (const Event& e : events_of(calls, module_of)) {
    out += fmt::format(",\n{{\"name\":{},\"cat\":\"{}\",\"ph\":\"{}\",\"pid\":1,\"tid\":1,\"ts\":{:.3f}",
                       json_text(e.name), e.call == nullptr ? "module" : "op", e.begins ? 'B' : 'E',
                       static_cast<double>(e.at_ns) / 1000);
    if (e.begins && e.call != nullptr) {
      const ProfiledCall& c = *e.call;
      out += fmt::format(",\"args\":{{\"where\":{}", json_text(format_location(c.where)));
      if (!c.inputs.empty()) out += fmt::format(",\"inputs\":{}", json_text(shapes_text(c.inputs)));
      if (!c.outputs.empty()) out += fmt::format(",\"outputs\":{}", json_text(shapes_text(c.outputs)));
      if (c.op != nullptr) out += fmt::format(",\"flops\":{:.0f},\"bytes\":{}", c.flops, c.bytes);
      out += "}";
    }
    out += "}";
  }
  return out + "\n]}\n";
}

}  // namespace gradus
