#include "coordinator/tree/node.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>

#include "lib/base/check.h"

namespace millrace::coordinator::tree {

namespace {

constexpr std::int64_t kTtlMark = static_cast<std::int64_t>(0xff00'0000'0000'0000ULL);

bool name_below(const Node* node, std::string_view name) {
    return node->name() < name;
}

}  // namespace

void WireStat::encode(wire::Writer& out) const {
    std::array<std::byte, kSize> bytes;
    std::size_t at = 0;
    const auto put64 = [&](std::int64_t value) {
        const std::uint64_t swapped = std::byteswap(static_cast<std::uint64_t>(value));
        std::memcpy(&bytes[at], &swapped, sizeof(swapped));
        at += sizeof(swapped);
    };
    const auto put32 = [&](std::uint32_t value) {
        const std::uint32_t swapped = std::byteswap(value);
        std::memcpy(&bytes[at], &swapped, sizeof(swapped));
        at += sizeof(swapped);
    };
    const auto children = static_cast<std::uint32_t>(num_children);
    put64(stat.czxid);
    put64(stat.mzxid);
    put64(stat.ctime);
    put64(stat.mtime);
    put32(static_cast<std::uint32_t>(stat.version));
    // Java computes in wrapping 32-bit arithmetic; so do we, by way of unsigned.
    put32(static_cast<std::uint32_t>(stat.cversion) * 2 - children);
    put32(static_cast<std::uint32_t>(stat.aversion));
    put64(shown_owner);
    put32(static_cast<std::uint32_t>(data_length));
    put32(children);
    put64(stat.pzxid);
    out.bytes(bytes);
}

std::int64_t ttl_owner(std::int64_t ttl_ms) {
    CHECK(ttl_ms > 0 && ttl_ms <= kTtlMax);
    return kTtlMark | ttl_ms;
}

OwnerKind owner_kind(std::int64_t owner, bool extended) {
    if (owner == 0) {
        return OwnerKind::none;
    }
    if (owner == kContainerOwner) {
        return OwnerKind::container;
    }
    if (extended && (owner & kTtlMark) == kTtlMark) {
        return OwnerKind::ttl;
    }
    return OwnerKind::session;
}

std::size_t ChildSet::piece_of(std::string_view name) const {
    // The last piece that begins at or before the name.
    const auto above = std::ranges::upper_bound(
        x_pieces, name, std::less<>(),
        [](const std::vector<Node*>& piece) { return piece.front()->name(); });
    return above == x_pieces.begin() ? 0 : static_cast<std::size_t>(above - x_pieces.begin()) - 1;
}

void ChildSet::insert(Node* child) {
    ++x_size;
    if (x_pieces.empty()) {
        x_pieces.emplace_back().push_back(child);
        return;
    }
    const std::string_view name = child->name();
    const std::size_t index = piece_of(name);
    std::vector<Node*>& piece = x_pieces[index];
    const auto place = std::lower_bound(piece.begin(), piece.end(), name, name_below);
    CHECK(place == piece.end() || (*place)->name() != name);
    const bool at_end = place == piece.end();
    piece.insert(place, child);
    if (piece.size() <= kPieceMax) {
        return;
    }
    // Names that only grow (sequential nodes) leave full pieces behind, others halves.
    const std::size_t keep = at_end ? kPieceMax : piece.size() / 2;
    std::vector<Node*> rest(piece.begin() + static_cast<std::ptrdiff_t>(keep), piece.end());
    piece.resize(keep);
    x_pieces.insert(x_pieces.begin() + static_cast<std::ptrdiff_t>(index) + 1, std::move(rest));
}

void ChildSet::erase(const Node* child) {
    const std::string_view name = child->name();
    const std::size_t index = piece_of(name);
    CHECK(index < x_pieces.size());
    std::vector<Node*>& piece = x_pieces[index];
    const auto place = std::lower_bound(piece.begin(), piece.end(), name, name_below);
    CHECK(place != piece.end() && *place == child);
    piece.erase(place);
    if (piece.empty()) {
        x_pieces.erase(x_pieces.begin() + static_cast<std::ptrdiff_t>(index));
    }
    --x_size;
}

Node* ChildSet::after(std::string_view name, bool inclusive) const {
    if (x_pieces.empty()) {
        return nullptr;
    }
    const std::size_t index = piece_of(name);
    const std::vector<Node*>& piece = x_pieces[index];
    auto place = std::lower_bound(piece.begin(), piece.end(), name, name_below);
    if (!inclusive && place != piece.end() && (*place)->name() == name) {
        ++place;
    }
    if (place != piece.end()) {
        return *place;
    }
    return index + 1 < x_pieces.size() ? x_pieces[index + 1].front() : nullptr;
}

Node* Node::make(std::string_view path) {
    void* block = ::operator new(sizeof(Node) + path.size());
    Node* node = new (block) Node(path.size());
    std::memcpy(node + 1, path.data(), path.size());
    return node;
}

void Node::destroy(Node* node) {
    node->~Node();
    ::operator delete(node);
}

BytesView Node::data() const {
    if (x_data_size == kNullData) {
        return {};
    }
    return {x_data ? x_data.get() : reinterpret_cast<const std::byte*>(this), x_data_size};
}

void Node::set_data(BytesView bytes) {
    const std::uint32_t size =
        bytes.data() == nullptr ? kNullData : static_cast<std::uint32_t>(bytes.size());
    if (size != x_data_size) {
        x_data =
            bytes.empty() ? nullptr : std::make_unique_for_overwrite<std::byte[]>(bytes.size());
        x_data_size = size;
    }
    if (!bytes.empty()) {
        std::memcpy(x_data.get(), bytes.data(), bytes.size());
    }
}

void Node::add_child(Node* child) {
    if (!x_children) {
        x_children = std::make_unique<ChildSet>();
    }
    x_children->insert(child);
}

void Node::remove_child(const Node* child) {
    CHECK(x_children != nullptr);
    x_children->erase(child);
    if (x_children->size() == 0) {
        x_children.reset();
    }
}

WireStat Node::wire_stat(bool extended) const {
    const OwnerKind kind = owner_kind(stat.ephemeral_owner, extended);
    return {.stat = stat,
            .shown_owner = kind == OwnerKind::session ? stat.ephemeral_owner : 0,
            .data_length = static_cast<std::int32_t>(data_size()),
            .num_children = static_cast<std::int32_t>(child_count())};
}

std::string_view parent_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    CHECK(slash != std::string_view::npos);
    return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view name_in(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

bool PreOrder::operator()(std::string_view left, std::string_view right) const {
    // A slash ends a name, so it sorts below every byte a name may hold.
    const auto rank = [](char c) {
        return c == '/' ? 0 : static_cast<int>(static_cast<unsigned char>(c)) + 1;
    };
    const std::size_t shared = std::min(left.size(), right.size());
    const auto [a, b] = std::mismatch(
        left.begin(), left.begin() + static_cast<std::ptrdiff_t>(shared), right.begin());
    if (a == left.begin() + static_cast<std::ptrdiff_t>(shared)) {
        return left.size() < right.size();
    }
    return rank(*a) < rank(*b);
}

}  // namespace millrace::coordinator::tree
