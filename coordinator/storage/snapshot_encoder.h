// The bytes of a snapshot, slice by slice, as Apache ZooKeeper 3.9 writes and reads them.
//   file:    int magic "ZKSN", int version 2, long -1
//   body:    sessions {int count, {long id, int timeout}*}, lists {int count, {long id, vector<ACL>}*},
//            nodes {string path, buffer data, long list, 60 bytes of stat}* with parents first, then the path "/"
//   seal:    long adler32 of everything so far, string "/"
//   digest:  long zxid, int version 2, long digest, and a seal; left out with digest.enabled=false
//   zxid:    long zxid, and a seal; left out with serializeLastProcessedZxid.enabled=false
#pragma once

#include <cstdint>

#include "coordinator/tree/frozen_view.h"
#include "coordinator/tree/node_tree.h"
#include "lib/wire/writer.h"

namespace millrace::coordinator::storage {

constexpr std::uint32_t kSnapshotMagic = 0x5a4b534e;
constexpr std::uint32_t kSnapshotVersion = 2;
constexpr std::int32_t kSnapshotDigestVersion = 2;
constexpr std::size_t kSealSize = 13;
constexpr std::size_t kNodeStatSize = 60;

struct SnapshotSections {
    bool digest = true;     // digest.enabled
    bool last_zxid = true;  // serializeLastProcessedZxid.enabled
};

class SnapshotEncoder {
 public:
    // Takes the tree as it stands; the tree must outlive the encoder.
    SnapshotEncoder(tree::NodeTree& tree, SnapshotSections sections)
        : x_view(tree), x_sections(sections) {}

    std::int64_t zxid() const { return x_view.zxid(); }
    // About bytes_max bytes more; empty at the end.
    Bytes next(std::size_t bytes_max);

 private:
    enum class Stage { start, nodes, done };

    void write_start(wire::Writer& out) const;
    void write_end(wire::Writer& out);
    // Adds what out has gained since the last call to the running checksum, and seals.
    void seal(wire::Writer& out);
    void cover(const wire::Writer& out);

    tree::FrozenView x_view;
    SnapshotSections x_sections;
    Stage x_stage = Stage::start;
    std::uint32_t x_checksum = 1;
    std::size_t x_covered = 0;  // bytes of the present slice within the checksum
};

}  // namespace millrace::coordinator::storage
