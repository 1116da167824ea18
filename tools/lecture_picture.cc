#include "gradus/tools/lecture_picture.h"

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "gradus/base/file.h"
#include "gradus/tools/command.h"
#include "gradus/tools/plot.h"

namespace gradus::tools {
namespace {

// A page that shows one frame at a time. {0}: title, {1}: width of the picture, {2}: the frames, {3}: the
// last one.
constexpr const char* kPage = R"(<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{0}</title>
<style>
  body {{ font: 14px system-ui, sans-serif; margin: 0; background: #fff; color: #1b1f24; width: {1}px; max-width: 100%; }}
  img {{ display: block; width: 100%; }}
  div {{ display: flex; gap: .8rem; align-items: center; padding: 6px 10px; }}
  input {{ flex: 1; }} button {{ width: 5rem; }} output {{ width: 5rem; text-align: right; }}
</style>
<img id="picture" alt="{0}">
<div><button id="play">play</button><input id="frame" type="range" min="0" max="{3}" value="0" aria-label="frame"><output id="number"></output></div>
<script>
const frames = [
{2}];
const picture = document.getElementById('picture'), slider = document.getElementById('frame');
const button = document.getElementById('play'), number = document.getElementById('number');
let timer = 0;
function show() {{
  picture.src = 'data:image/svg+xml;base64,' + frames[slider.value];
  number.textContent = (+slider.value + 1) + ' of ' + frames.length;
}}
function stop() {{ clearInterval(timer); timer = 0; button.textContent = 'play'; }}
slider.addEventListener('input', () => {{ stop(); show(); }});
button.addEventListener('click', () => {{
  if (timer) return stop();
  if (+slider.value === frames.length - 1) slider.value = 0;
  button.textContent = 'stop';
  timer = setInterval(() => {{
    slider.value = +slider.value + 1;
    show();
    if (+slider.value === frames.length - 1) stop();
  }}, {4});
  show();
}});
show();
</script>
</html>
)";

std::string svg_terminal(const lecture::Picture& p) {
  return fmt::format("svg size {},{} font 'Helvetica,13'", p.width, p.height);
}

std::string draw_frames(const lecture::Picture& p, const std::string& script, const std::string& folder) {
  std::string frames;
  for (int i = 0; i < p.frames; ++i) {
    const std::string path = fmt::format("{}/{}.frame.svg", folder, p.name);
    if (std::string why = draw(path, svg_terminal(p), fmt::format("frame = {}\n{}", i, script)); !why.empty())
      return why;
    const absl::StatusOr<std::string> svg = read_file(path);
    std::filesystem::remove(path);
    if (!svg.ok()) return std::string(svg.status().message());
    frames += fmt::format("'{}',\n", absl::Base64Escape(*svg));
  }
  save_text(fmt::format("{}/{}.html", folder, p.name),
            fmt::format(fmt::runtime(kPage), p.name, p.width, frames, p.frames - 1, p.frame_ms));
  return "";
}

// Whether the script reads the data block of the table; a frame is drawn much faster without those of others.
bool reads(std::string_view script, const std::string& table) {
  const std::string block = "$" + table;
  for (std::size_t at = script.find(block); at != script.npos; at = script.find(block, at + 1)) {
    const std::size_t end = at + block.size();
    if (end == script.size() || (!absl::ascii_isalnum(script[end]) && script[end] != '_')) return true;
  }
  return false;
}

}  // namespace

std::string draw_picture(const lecture::Picture& picture, std::span<const lecture::Table> tables,
                         const std::string& folder) {
  std::string data;
  for (const lecture::Table& t : tables) {
    if (!reads(picture.script, t.name)) continue;
    data += fmt::format("${} << EOD\n", t.name);
    for (const auto& row : t.rows) data += fmt::format("{:.10g}\n", fmt::join(row, " "));
    data += "EOD\n";
  }
  const std::string script = data + picture.script;
  // Twice the size, for print.
  const std::string png =
      fmt::format("pngcairo size {},{} font 'Helvetica,13' fontscale 2 linewidth 2 pointscale 2",
                  2 * picture.width, 2 * picture.height);
  const std::string last = fmt::format("frame = {}\n{}", picture.frames - 1, script);
  const std::string path = fmt::format("{}/{}", folder, picture.name);
  if (std::string why = draw(path + ".svg", svg_terminal(picture), last); !why.empty()) return why;
  if (std::string why = draw(path + ".png", png, last); !why.empty()) return why;
  return picture.frames == 1 ? "" : draw_frames(picture, script, folder);
}

}  // namespace gradus::tools
