// Boxes, frames and arrows of a picture, by a plan of what is shown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gradus/graph/picture.h"
#include "gradus/graph/picture_tree.h"

namespace gradus::picture_internal {

using Picture = GraphPicture;

struct Plan {
  bool views = true;
  bool fold = false;
  ParameterStyle parameters = ParameterStyle::kBoxes;
  int depth = PictureOptions::kAll;
  int parts = 0;  // items of the whole model are gathered into so many boxes; 0: as they are
};

class Drawer {
 public:
  Drawer(const Snap& g, const Tree& tree, const Plan& plan) : g_(g), tree_(tree), plan_(plan) {}

  // Without the arrows, which cost most.
  int count_boxes() {
    boxes();
    return static_cast<int>(p_.boxes.size());
  }

  Picture draw();

 private:
  const Snap::Node& at(int i) const { return g_.nodes[static_cast<std::size_t>(i)]; }
  Picture::Box& box(int i) { return p_.boxes[static_cast<std::size_t>(i)]; }

  void boxes();
  int new_box(Picture::Kind kind, int frame, std::int64_t repeats);
  void walk(const Item& module, int frame, int depth);
  int only_op(const Item& item) const;
  void mark(const Item& item, int b);
  void op(int node, int frame, std::int64_t repeats, std::string module);

  // "layers.0-11"
  std::string title_of(const Item& item) const;
  std::string run_title(const Run& run) const;

  // Neighbours in the order of execution in one box: no two of them can read each other.
  void gather();

  // Buffers have the names of their modules.
  bool is_state(const Snap::Node& n) const {
    return n.kind == Snap::Kind::kParameter ||
           (n.kind == Snap::Kind::kInput && n.name().find('.') != std::string::npos);
  }

  void leaves();
  void totals();
  void arrows();

  const Snap& g_;
  const Tree& tree_;
  const Plan& plan_;
  Picture p_;
  std::vector<int> box_of_;
};

}  // namespace gradus::picture_internal
