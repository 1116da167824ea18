// The life of a node's parts: freeing is iterative, so that a chain of any length needs no stack.
#include "gradus/graph/node.h"

#include "gradus/base/pool.h"

namespace gradus {
namespace {

struct DeadList {
  Node* head = nullptr;
  bool draining = false;
};
thread_local constinit DeadList dead;

void drop_edge(Edge& e) {
  if (e.target == nullptr) return;
  if (e.leaf) {
    auto* leaf = static_cast<TensorImpl*>(e.target);
    if (leaf->refs.release()) destroy(leaf);
  } else {
    release_node(static_cast<Node*>(e.target));
  }
  e.target = nullptr;
}

void free_node(Node* n) {
  for (std::uint32_t i = 0; i < n->inputs; ++i) drop_edge(n->edges()[i]);
  for (int i = 0; i < n->saved; ++i) n->saved_slots()[i].~SavedSlot();
  for (int i = 0; i < n->outputs; ++i) n->output_slots()[i].~OutputSlot();
  delete n->extras;
  if (n->block_bytes <= kMaxPoolBytes) {
    pool_free(n, n->block_bytes);
  } else {
    ::operator delete (n, std::align_val_t{64});
  }
}

}  // namespace

void release_node(Node* n) {
  if (!n->refs.release()) return;
  n->next_dead = dead.head;
  dead.head = n;
  if (dead.draining) return;
  dead.draining = true;
  while (Node* d = dead.head) {
    dead.head = d->next_dead;
    free_node(d);
  }
  dead.draining = false;
}

void release_contents(Node* n, Location by) {
  n->released = true;
  n->released_file = by.file;
  n->released_line = by.line;
  for (int i = 0; i < n->saved; ++i) n->saved_slots()[i].value = Tensor();
  for (std::uint32_t i = 0; i < n->inputs; ++i) drop_edge(n->edges()[i]);
}

}  // namespace gradus
