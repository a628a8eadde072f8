#include "coordinator/tree/acl_cache.h"

#include <fmt/format.h>

#include <limits>

#include "coordinator/tree/txn.h"
#include "lib/base/check.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::coordinator::tree {

namespace {

// perms and two lengths.
constexpr std::size_t kEntryBytesMin = 12;

const Bytes& open_acl_bytes() {
    static const Bytes bytes = encode_acl(open_acl());
    return bytes;
}

bool same(BytesView left, BytesView right) {
    return std::ranges::equal(left, right);
}

}  // namespace

Bytes encode_acl(const AclList& acl) {
    wire::Writer out;
    out.int32(static_cast<std::int32_t>(acl.size()));
    for (const AclEntry& entry : acl) {
        out.int32(entry.perms);
        write_text(out, entry.scheme);
        write_text(out, entry.id);
    }
    return out.take();
}

Result<AclList> decode_acl(BytesView encoded) {
    wire::Reader in(encoded);
    const std::int32_t announced = in.int32();
    AclList acl;
    if (announced != -1) {
        const std::size_t count = in.checked_count(announced, kEntryBytesMin);
        acl.reserve(count);
        for (std::size_t i = 0; i < count && in.ok(); ++i) {
            AclEntry entry;
            entry.perms = in.int32();
            entry.scheme = read_text(in);
            entry.id = read_text(in);
            acl.push_back(std::move(entry));
        }
    }
    if (!in.ok()) {
        return fail(Errc::malformed, "an access control list ends early");
    }
    return acl;
}

const AclList& open_acl() {
    static const AclList list{{.perms = 31, .scheme = "world", .id = "anyone"}};
    return list;
}

Result<AclId> AclCache::intern(BytesView encoded) {
    if (same(encoded, open_acl_bytes())) {
        return kOpenAcl;
    }
    const auto known = x_by_bytes.find(as_text(encoded));
    if (known != x_by_bytes.end()) {
        add_use(known->second);
        return known->second;
    }
    AclList list = TRY(decode_acl(encoded));
    CHECK(x_next < std::numeric_limits<AclId>::max());
    const AclId id = x_next++;
    auto entry = std::make_unique<Entry>();
    entry->encoded.assign(encoded.begin(), encoded.end());
    entry->list = std::move(list);
    entry->uses = 1;
    x_by_bytes.emplace(as_text(entry->encoded), id);
    x_by_id.emplace(id, std::move(entry));
    return id;
}

void AclCache::add_use(AclId id) {
    if (id == kOpenAcl) {
        return;
    }
    const auto found = x_by_id.find(id);
    CHECK(found != x_by_id.end());
    ++found->second->uses;
}

void AclCache::remove_use(AclId id) {
    if (id == kOpenAcl) {
        return;
    }
    const auto found = x_by_id.find(id);
    CHECK(found != x_by_id.end());
    CHECK(found->second->uses > 0);
    if (--found->second->uses == 0) {
        x_unused.push_back(id);
    }
}

void AclCache::collect() {
    for (const AclId id : x_unused) {
        const auto found = x_by_id.find(id);
        if (found != x_by_id.end() && found->second->uses == 0) {
            const auto by_bytes = x_by_bytes.find(as_text(found->second->encoded));
            if (by_bytes != x_by_bytes.end() && by_bytes->second == id) {
                x_by_bytes.erase(by_bytes);
            }
            x_by_id.erase(found);
        }
    }
    x_unused.clear();
}

const AclList* AclCache::find(AclId id) const {
    if (id == kOpenAcl) {
        return &open_acl();
    }
    const auto found = x_by_id.find(id);
    return found == x_by_id.end() ? nullptr : &found->second->list;
}

const AclList& AclCache::get(AclId id) const {
    const AclList* list = find(id);
    CHECK(list != nullptr, "a node names an access control list that is not there");
    return *list;
}

BytesView AclCache::encoded(AclId id) const {
    if (id == kOpenAcl) {
        return open_acl_bytes();
    }
    const auto found = x_by_id.find(id);
    CHECK(found != x_by_id.end());
    return found->second->encoded;
}

std::vector<std::pair<std::int64_t, Bytes>> AclCache::entries() const {
    std::vector<std::pair<std::int64_t, Bytes>> all;
    all.reserve(x_by_id.size());
    for (const auto& [id, entry] : x_by_id) {
        all.emplace_back(id, entry->encoded);
    }
    return all;
}

void AclCache::clear() {
    x_by_bytes.clear();
    x_by_id.clear();
    x_unused.clear();
    x_next = 1;
}

Status AclCache::load(std::int64_t id, BytesView encoded) {
    if (id < 0 || id >= std::numeric_limits<AclId>::max()) {
        return fail(Errc::too_large, fmt::format("access control list id {} is out of range", id));
    }
    const auto key = static_cast<AclId>(id);
    if (x_by_id.contains(key)) {
        return fail(Errc::already_exists, fmt::format("access control list {} stands twice", id));
    }
    auto entry = std::make_unique<Entry>();
    entry->list = TRY(decode_acl(encoded));
    entry->encoded.assign(encoded.begin(), encoded.end());
    x_by_bytes.try_emplace(as_text(entry->encoded), key);
    x_by_id.emplace(key, std::move(entry));
    x_unused.push_back(key);
    x_next = std::max(x_next, key + 1);
    return {};
}

Result<AclId> AclCache::loaded_id(std::int64_t id) const {
    if (id == kOpenAcl) {
        return kOpenAcl;
    }
    if (id < 0 || id >= std::numeric_limits<AclId>::max() ||
        !x_by_id.contains(static_cast<AclId>(id))) {
        return fail(Errc::not_found, fmt::format("no access control list {}", id));
    }
    return static_cast<AclId>(id);
}

}  // namespace millrace::coordinator::tree
