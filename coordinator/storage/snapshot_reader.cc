#include "coordinator/storage/snapshot_reader.h"

#include "coordinator/storage/snapshot_encoder.h"
#include "coordinator/storage/snapshot_source.h"
#include "lib/wire/reader.h"

namespace millrace::coordinator::storage {
namespace {

constexpr std::size_t kFileHeaderSize = 16;
constexpr std::byte kNoByte{};

// A view without an address is null to the tree; an empty vector's view has none either.
BytesView as_view(const std::optional<Bytes>& data) {
    if (!data) {
        return {};
    }
    return data->empty() ? BytesView(&kNoByte, 0) : BytesView(*data);
}

// Reads one field after the other; every error names the file.
class SnapshotParser {
 public:
    SnapshotParser(SnapshotSource& source, const std::string& path, tree::NodeTree& tree)
        : x_source(source), x_path(path), x_tree(tree) {}

    Status header();
    Status sessions();
    Status lists();
    Status nodes();
    // Errors: malformed when the checksum is another one.
    Status seal();
    // What may follow the first seal. Written by newer versions first, so each is told apart by its length.
    Result<std::optional<SnapshotDigest>> sections();

 private:
    Result<wire::Reader> fixed(std::size_t count) {
        return wire::Reader(TRY(x_source.take(count)));
    }
    // Copied, since the next field takes the place of what the source lends. Null and empty differ.
    Result<std::optional<Bytes>> buffer();
    Result<std::string> text();
    Result<Bytes> encoded_list();
    Status damaged(std::string_view what) const {
        return fail(Errc::malformed, fmt::format("{}: {}", x_path, what));
    }

    SnapshotSource& x_source;
    const std::string& x_path;
    tree::NodeTree& x_tree;
};

Status SnapshotParser::header() {
    wire::Reader in = TRY(fixed(kFileHeaderSize));
    if (in.uint32() != kSnapshotMagic || in.uint32() != kSnapshotVersion) {
        return damaged("is no snapshot of ZooKeeper");
    }
    return {};
}

Result<std::optional<Bytes>> SnapshotParser::buffer() {
    const std::int32_t size = TRY(fixed(4)).int32();
    if (size == -1) {
        return std::nullopt;
    }
    if (size < 0) {
        return fail(Errc::malformed, fmt::format("{}: a field of {} bytes", x_path, size));
    }
    const BytesView bytes = TRY(x_source.take(static_cast<std::size_t>(size)));
    return Bytes(bytes.begin(), bytes.end());
}

Result<std::string> SnapshotParser::text() {
    const std::optional<Bytes> bytes = TRY(buffer());
    return bytes ? to_text(*bytes) : std::string();
}

Status SnapshotParser::sessions() {
    const std::int32_t count = TRY(fixed(4)).int32();
    for (std::int32_t i = 0; i < count; ++i) {
        wire::Reader in = TRY(fixed(12));
        const std::int64_t id = in.int64();
        x_tree.load_session(id, in.int32());
    }
    return count < 0 ? damaged("a negative count of sessions") : Status{};
}

Result<Bytes> SnapshotParser::encoded_list() {
    wire::Writer out;
    const std::int32_t count = TRY(fixed(4)).int32();
    out.int32(count);
    for (std::int32_t i = 0; i < count; ++i) {
        out.int32(TRY(fixed(4)).int32());
        tree::write_text(out, TRY(text()));
        tree::write_text(out, TRY(text()));
    }
    return out.take();
}

Status SnapshotParser::lists() {
    const std::int32_t count = TRY(fixed(4)).int32();
    for (std::int32_t i = 0; i < count; ++i) {
        const std::int64_t id = TRY(fixed(8)).int64();
        const Bytes list = TRY(encoded_list());
        TRY(x_tree.load_acl(id, list));
    }
    return count < 0 ? damaged("a negative count of access lists") : Status{};
}

Status SnapshotParser::nodes() {
    for (;;) {
        const std::string path = TRY(text());
        if (path == "/") {
            return {};
        }
        const std::optional<Bytes> data = TRY(buffer());
        wire::Reader in = TRY(fixed(8 + kNodeStatSize));
        const std::int64_t acl = in.int64();
        tree::NodeStat stat;
        stat.czxid = in.int64();
        stat.mzxid = in.int64();
        stat.ctime = in.int64();
        stat.mtime = in.int64();
        stat.version = in.int32();
        stat.cversion = in.int32();
        stat.aversion = in.int32();
        stat.ephemeral_owner = in.int64();
        stat.pzxid = in.int64();
        TRY(x_tree.load_node(path, as_view(data), acl, stat));
    }
}

Status SnapshotParser::seal() {
    const std::int64_t expected = x_source.checksum();
    wire::Reader in = TRY(fixed(kSealSize));
    if (in.int64() != expected) {
        return damaged("the checksum does not match");
    }
    if (in.int32() != 1 || in.uint8() != '/') {
        return damaged("a seal without its end");
    }
    return {};
}

Result<std::optional<SnapshotDigest>> SnapshotParser::sections() {
    std::optional<SnapshotDigest> digest;
    if (TRY(x_source.at_end())) {
        return digest;
    }
    // Both sections begin with a zxid. In the digest's, eight bytes later, stand the version and half of the digest; in the
    // other the checksum, whose upper half is zero and never the version.
    const std::int64_t zxid = TRY(fixed(8)).int64();
    const std::uint32_t checksum = x_source.checksum();
    wire::Reader in = TRY(fixed(kSealSize - 1));
    const std::int32_t version = in.int32();
    if (version == 0) {
        const bool matches = in.uint32() == checksum && in.int32() == 1;
        const bool ends = TRY(fixed(1)).uint8() == '/';
        if (!matches || !ends) {
            TRY(damaged("the checksum behind the last zxid does not match"));
        }
        return digest;
    }
    digest = SnapshotDigest{zxid, in.uint64()};
    TRY(seal());
    if (!TRY(x_source.at_end())) {
        TRY(fixed(8));
        TRY(seal());
    }
    if (version != kSnapshotDigestVersion) {
        digest.reset();
    }
    return digest;
}

}  // namespace

Result<LoadedSnapshot> load_snapshot(runtime::FileSystem& files, const SnapshotFile& snapshot,
                                     tree::NodeTree& tree) {
    SnapshotSource source = TRY(SnapshotSource::open(files, snapshot));
    SnapshotParser parser(source, snapshot.path, tree);
    TRY(parser.header());
    tree.load_begin();
    TRY(parser.sessions());
    TRY(parser.lists());
    TRY(parser.nodes());
    TRY(parser.seal());
    LoadedSnapshot loaded{snapshot.zxid, TRY(parser.sections())};
    tree.load_finish(snapshot.zxid);
    return loaded;
}

Result<bool> looks_complete(runtime::FileSystem& files, const SnapshotFile& snapshot) {
    constexpr std::size_t kTailSize = 5;
    if (snapshot.compression != SnapshotCompression::none) {
        return snapshot.bytes > 0;
    }
    const std::unique_ptr<runtime::File> file =
        TRY(files.open(snapshot.path, runtime::OpenMode::read));
    const std::uint64_t size = TRY(file->size());
    if (size < kFileHeaderSize + kSealSize) {
        return false;
    }
    std::array<std::byte, kTailSize> tail{};
    const std::size_t got = TRY(file->read_at(size - kTailSize, tail));
    wire::Reader in(tail);
    return got == kTailSize && in.int32() == 1 && in.uint8() == '/';
}

}  // namespace millrace::coordinator::storage
