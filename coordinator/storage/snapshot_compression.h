// The compressed forms a snapshot file may have (snapshot.compression.method): gzip, and snappy in the blocks of Java's
// SnappyOutputStream. Both directions work piece by piece.
#pragma once

#include <memory>

#include "coordinator/storage/file_names.h"
#include "lib/base/bytes.h"

namespace millrace::coordinator::storage {

class Inflater {
 public:
    virtual ~Inflater() = default;
    // Appends what the next piece of the file inflates to. False when it does not have the form; nothing may follow then.
    virtual bool add(BytesView piece, Bytes& out) = 0;
};

class Deflater {
 public:
    virtual ~Deflater() = default;
    // Appends what can be told of the file so far.
    virtual void add(BytesView piece, Bytes& out) = 0;
    // Appends the rest; the last call.
    virtual void finish(Bytes& out) = 0;
};

// Null for SnapshotCompression::none.
std::unique_ptr<Inflater> make_inflater(SnapshotCompression compression);
std::unique_ptr<Deflater> make_deflater(SnapshotCompression compression);

}  // namespace millrace::coordinator::storage
