#include "coordinator/tree/frozen_view.h"

#include <algorithm>

#include "lib/base/check.h"

namespace millrace::coordinator::tree {

namespace {

std::string_view file_path(std::string_view path) {
    return path == "/" ? path.substr(1) : path;
}

// Stat and lengths: what a node adds to a slice besides its path and data.
constexpr std::size_t kNodeOverhead = 76;

}  // namespace

FrozenView::FrozenView(NodeTree& tree)
    : x_tree(tree),
      x_zxid(tree.last_zxid()),
      x_digest(tree.digest()),
      x_node_count(tree.node_count()),
      x_sessions(tree.sessions().begin(), tree.sessions().end()),
      x_acls(tree.acls().entries()) {
    std::ranges::sort(x_sessions);
    tree.x_views.push_back(this);
}

FrozenView::~FrozenView() {
    std::erase(x_tree.x_views, this);
}

bool FrozenView::passed(std::string_view path) const {
    return x_done || (x_started && !PreOrder()(x_last, path));
}

void FrozenView::save(const Node& node) {
    if (passed(node.path()) || x_saved.contains(node.path())) {
        return;
    }
    const BytesView data = node.data();
    Saved state{.data = std::nullopt, .acl = node.acl, .stat = node.stat};
    if (data.data() != nullptr) {
        state.data.emplace(data.begin(), data.end());
    }
    x_saved.emplace(node.path(), std::move(state));
}

void FrozenView::note_new(std::string_view path) {
    if (!passed(path)) {
        // Keeps the former state when the node was removed and made again.
        x_saved.try_emplace(std::string(path), std::nullopt);
    }
}

const Node* FrozenView::successor(std::string_view path) const {
    if (!x_started) {
        return x_tree.lookup("/");
    }
    const Node* node = x_tree.lookup(path);
    if (node != nullptr && node->child_count() > 0) {
        return node->children()->after({}, true);
    }
    while (path != "/") {
        const std::string_view up = parent_of(path);
        const Node* parent = x_tree.lookup(up);
        if (parent != nullptr && parent->child_count() > 0) {
            const Node* next = parent->children()->after(name_in(path), false);
            if (next != nullptr) {
                return next;
            }
        }
        path = up;
    }
    return nullptr;
}

bool FrozenView::next(std::size_t bytes_max, const Visitor& visit) {
    std::size_t shown = 0;
    while (!x_done && shown < bytes_max) {
        const Node* node = successor(x_last);
        const auto saved = x_saved.begin();
        const bool from_saved =
            saved != x_saved.end() && (node == nullptr || !PreOrder()(node->path(), saved->first));
        if (node == nullptr && !from_saved) {
            x_done = true;
            break;
        }
        x_started = true;
        if (!from_saved) {
            x_last = node->path();
            visit(file_path(node->path()), node->data(), node->acl, node->stat);
            shown += kNodeOverhead + node->path().size() + node->data().size();
            continue;
        }
        x_last = saved->first;
        if (saved->second) {
            const Saved& state = *saved->second;
            BytesView data;
            if (state.data) {
                data = state.data->empty() ? as_bytes("") : BytesView(*state.data);
            }
            visit(file_path(x_last), data, state.acl, state.stat);
            shown += kNodeOverhead + x_last.size() + data.size();
        } else {
            shown += 1;
        }
        x_saved.erase(saved);
    }
    if (x_done) {
        x_saved.clear();
    }
    return !x_done;
}

}  // namespace millrace::coordinator::tree
