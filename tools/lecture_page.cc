#include "gradus/tools/lecture_page.h"

#include <fmt/format.h>

namespace gradus::tools {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>How deep learning is optimized</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24;
         background: #fff; }
  h2 { margin-top: 3rem; border-bottom: 1px solid #d0d7de; }
  img, iframe { max-width: 100%; display: block; margin-top: 1rem; border: 0; }
  figure { margin: 0; } figcaption { color: #57606a; font-size: .9em; }
  table { border-collapse: collapse; margin-top: 1rem; font-size: .9em; }
  td, th { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #eaeef2; vertical-align: top; }
  .no { color: #b00020; font-weight: bold; }
</style>
<h1>How deep learning is optimized</h1>
)";

}  // namespace

std::string lecture_page(std::span<const LessonResult> results) {
  std::string page = kHead;
  page += "<ol>\n";
  for (const LessonResult& r : results)
    page += fmt::format("<li><a href=\"#{0}\">{1}</a></li>\n", escaped(r.name), escaped(r.title));
  page += "</ol>\n";
  for (const LessonResult& r : results) {
    page += fmt::format("<h2 id=\"{0}\">{1}</h2>\n<p>{2}</p>\n<p><code>gradus lecture {0}</code></p>\n",
                        escaped(r.name), escaped(r.title), escaped(r.claim));
    for (const LessonResult::Picture& p : r.pictures) {
      const std::string shown =
          p.moves ? fmt::format(
                        "<iframe src=\"{}/{}.html\" width=\"{}\" height=\"{}\" loading=\"lazy\"></iframe>",
                        escaped(r.name), escaped(p.name), p.width, p.height)
                  : fmt::format("<img src=\"{}/{}.svg\" alt=\"{}\" loading=\"lazy\">", escaped(r.name),
                                escaped(p.name), escaped(p.caption));
      page += fmt::format("<figure>{}<figcaption>{}</figcaption></figure>\n", shown, escaped(p.caption));
    }
    page += "<table><tr><th>claim</th><th>numbers</th><th>holds</th></tr>\n";
    for (const CheckResult& c : r.checks) {
      page += fmt::format("<tr><td>{}</td><td>{}</td><td class=\"{}\">{}</td></tr>\n", escaped(c.claim),
                          escaped(c.numbers), c.holds ? "yes" : "no", c.holds ? "yes" : "NO");
    }
    page += "</table>\n";
  }
  return page;
}

}  // namespace gradus::tools
