#include "coordinator/storage/txn_record.h"

namespace millrace::coordinator::storage {
namespace {

using tree::TxnType;

constexpr std::int32_t kDigestVersion = 2;
constexpr std::size_t kDigestSize = 12;

void skip_acl(wire::Reader& in) {
    constexpr std::size_t kEntrySizeMin = 12;
    const std::int32_t count = in.int32();
    if (count == -1) {
        return;
    }
    for (std::size_t left = in.checked_count(count, kEntrySizeMin); left > 0; --left) {
        in.int32();
        tree::read_text(in);
        tree::read_text(in);
    }
}

void skip_create(wire::Reader& in) {
    tree::read_text(in);
    tree::read_buffer(in);
    skip_acl(in);
}

// Records from before ZooKeeper 3.4 end at the flag.
void skip_plain_create(wire::Reader& in) {
    skip_create(in);
    in.boolean();
    if (in.ok() && !in.at_end()) {
        in.int32();
    }
}

void skip_multi(wire::Reader& in) {
    constexpr std::size_t kElementSizeMin = 8;
    for (std::size_t left = in.checked_count(in.int32(), kElementSizeMin); left > 0; --left) {
        in.int32();
        tree::read_buffer(in);
    }
}

// Empty before 3.6 and where zookeeper.closeSessionTxn.enabled is off; a digest may follow all the same. Paths are not empty,
// so twelve bytes that begin with the digest's version are no two paths.
void skip_close_session(wire::Reader& in) {
    constexpr std::size_t kPathSizeMin = 5;
    if (in.at_end()) {
        return;
    }
    if (in.remaining() == kDigestSize) {
        wire::Reader ahead = in;
        if (ahead.int32() == kDigestVersion) {
            return;
        }
    }
    for (std::size_t left = in.checked_count(in.int32(), kPathSizeMin); left > 0; --left) {
        tree::read_text(in);
    }
}

// Moves over the record. False for a type that has none.
bool skip_record(TxnType type, wire::Reader& in) {
    switch (type) {
        case TxnType::error:
        case TxnType::create_session:
            in.int32();
            return true;
        case TxnType::close_session:
            skip_close_session(in);
            return true;
        case TxnType::create:
        case TxnType::create2:
            skip_plain_create(in);
            return true;
        case TxnType::create_container:
            skip_create(in);
            in.int32();
            return true;
        case TxnType::create_ttl:
            skip_create(in);
            in.int32();
            in.int64();
            return true;
        case TxnType::remove:
        case TxnType::remove_container:
            tree::read_text(in);
            return true;
        case TxnType::set_data:
        case TxnType::reconfig:
            tree::read_text(in);
            tree::read_buffer(in);
            in.int32();
            return true;
        case TxnType::set_acl:
            tree::read_text(in);
            skip_acl(in);
            in.int32();
            return true;
        case TxnType::check:
            tree::read_text(in);
            in.int32();
            return true;
        case TxnType::multi:
            skip_multi(in);
            return true;
    }
    return false;
}

}  // namespace

Result<TxnEntry> TxnEntry::decode(BytesView bytes) {
    wire::Reader in(bytes);
    TxnEntry entry;
    entry.header = tree::TxnHeader::decode(in);
    if (!in.ok()) {
        return fail(Errc::malformed, "a transaction shorter than its header");
    }
    const std::size_t start = in.position();
    if (!skip_record(entry.header.type, in)) {
        return fail(Errc::unsupported,
                    fmt::format("transaction type {}", static_cast<int>(entry.header.type)));
    }
    if (!in.ok()) {
        return fail(Errc::malformed,
                    fmt::format("the record of transaction 0x{:x} ends early", entry.header.zxid));
    }
    entry.record = bytes.subspan(start, in.position() - start);
    if (in.remaining() == kDigestSize && in.int32() == kDigestVersion) {
        entry.digest = in.uint64();
    }
    return entry;
}

void TxnEntry::encode(wire::Writer& out) const {
    header.encode(out);
    out.bytes(record);
    if (digest) {
        out.int32(kDigestVersion);
        out.uint64(*digest);
    }
}

}  // namespace millrace::coordinator::storage
