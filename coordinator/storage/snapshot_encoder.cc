#include "coordinator/storage/snapshot_encoder.h"

#include "coordinator/tree/txn.h"
#include "lib/wire/adler32.h"

namespace millrace::coordinator::storage {
namespace {

// The path that closes the nodes and every seal; the root itself is written as "".
constexpr std::string_view kEndPath = "/";

void write_node(wire::Writer& out, std::string_view path, BytesView data, std::int64_t acl) {
    tree::write_text(out, path);
    tree::write_buffer(out, data);
    out.int64(acl);
}

void write_stat(wire::Writer& out, const tree::NodeStat& stat) {
    out.int64(stat.czxid);
    out.int64(stat.mzxid);
    out.int64(stat.ctime);
    out.int64(stat.mtime);
    out.int32(stat.version);
    out.int32(stat.cversion);
    out.int32(stat.aversion);
    out.int64(stat.ephemeral_owner);
    out.int64(stat.pzxid);
}

}  // namespace

Bytes SnapshotEncoder::next(std::size_t bytes_max) {
    wire::Writer out;
    x_covered = 0;
    if (x_stage == Stage::start) {
        write_start(out);
        x_stage = Stage::nodes;
    }
    if (x_stage == Stage::nodes) {
        const bool more = x_view.next(bytes_max, [&](std::string_view path, BytesView data,
                                                     std::int64_t acl, const tree::NodeStat& stat) {
            write_node(out, path, data, acl);
            write_stat(out, stat);
        });
        if (!more) {
            write_end(out);
            x_stage = Stage::done;
        }
        cover(out);
    }
    return out.take();
}

void SnapshotEncoder::write_start(wire::Writer& out) const {
    out.uint32(kSnapshotMagic);
    out.uint32(kSnapshotVersion);
    out.int64(-1);
    out.int32(static_cast<std::int32_t>(x_view.sessions().size()));
    for (const auto& [id, timeout] : x_view.sessions()) {
        out.int64(id);
        out.int32(timeout);
    }
    out.int32(static_cast<std::int32_t>(x_view.acls().size()));
    for (const auto& [id, list] : x_view.acls()) {
        out.int64(id);
        out.bytes(list);
    }
}

void SnapshotEncoder::write_end(wire::Writer& out) {
    tree::write_text(out, kEndPath);
    seal(out);
    if (x_sections.digest) {
        out.int64(x_view.zxid());
        out.int32(kSnapshotDigestVersion);
        out.uint64(x_view.digest());
        seal(out);
    }
    if (x_sections.last_zxid) {
        out.int64(x_view.zxid());
        seal(out);
    }
}

void SnapshotEncoder::seal(wire::Writer& out) {
    cover(out);
    out.int64(x_checksum);
    tree::write_text(out, kEndPath);
}

void SnapshotEncoder::cover(const wire::Writer& out) {
    x_checksum = wire::adler32(out.view().subspan(x_covered), x_checksum);
    x_covered = out.size();
}

}  // namespace millrace::coordinator::storage
