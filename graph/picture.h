// What is drawn of a snapshot: boxes, frames around them and arrows, after folding until a page holds them.
// Modules become one box below a depth, blocks that repeat are drawn once, views and constants are told where
// they are used. Plain data; graph/dot.h writes it as text. The same snapshot gives the same picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gradus/graph/snapshot.h"

namespace gradus {

enum class Choice : std::uint8_t { kAuto, kNo, kYes };
// Parameters as boxes of their own, as lines in the boxes that read them, or not at all.
enum class ParameterStyle : std::uint8_t { kAuto, kBoxes, kLines, kNone };
// What boxes are coloured by: their share of the whole.
enum class Heat : std::uint8_t { kNone, kMemory, kFlops, kTime };

struct PictureOptions {
  static constexpr int kFit = -1;
  static constexpr int kAll = 1'000'000;

  // Modules this many levels down are drawn as one box each; 0: those of the model itself. kFit: as deep as
  // max_boxes allows; kAll: every op.
  int depth = kFit;
  int max_boxes = 40;            // about a page; for what is kFit or kAuto
  Choice fold = Choice::kAuto;   // repeated blocks and unrolled steps are drawn once
  Choice views = Choice::kAuto;  // ops that only change a shape are boxes, not just the shapes at arrows
  ParameterStyle parameters = ParameterStyle::kAuto;
  Heat heat = Heat::kNone;
};

struct GraphPicture {
  enum class Kind : std::uint8_t { kOp, kModule, kParameter, kInput };
  struct Box {
    Kind kind = Kind::kOp;
    int node = -1;       // of an op or leaf
    int frame = -1;      // the innermost around it
    std::string title;   // "linear"
    std::string module;  // "fc1" beside the title of an op that is all that its module does; path in tooltips
    std::vector<int> parameters;  // leaves that are told in the box
    std::vector<int> constants;
    std::int64_t repeats = 1;  // drawn once for so many
    // Of everything that the box stands for.
    std::int64_t operations = 0;
    std::int64_t parameter_elements = 0;
    std::int64_t saved_bytes = 0;
    double flops = 0;
    std::int64_t nanoseconds = 0;
    bool is_root = false;
    bool released = false;
    bool is_backward = false;
  };
  struct Frame {
    int parent = -1;
    std::string title;  // "layers.0-11"
    std::string path;
    std::int64_t repeats = 1;
  };
  struct Arrow {
    int from = 0;  // boxes
    int to = 0;
    std::vector<GraphSnapshot::Value> values;  // of different shapes or dtypes
    int tensors = 1;
    int input = 0;  // of the first one at `to`
    bool indirect = false;
  };

  std::vector<Box> boxes;
  std::vector<Frame> frames;  // a frame after the one around it
  std::vector<Arrow> arrows;
  std::int64_t operations = 0;  // of the snapshot
  bool folded = false;          // something is not drawn by itself
  bool compact = false;         // boxes say only what tells them apart; the rest is in their tooltips
};

GraphPicture make_picture(const GraphSnapshot& graph, const PictureOptions& options = {});

}  // namespace gradus
