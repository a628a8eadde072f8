#include "coordinator/storage/snapshot_writer.h"

#include "coordinator/storage/snapshot_compression.h"
#include "lib/base/check.h"

namespace millrace::coordinator::storage {
namespace {

// A file that gets its name when it is whole. Used by one thread at a time.
struct SnapshotOutput {
    SnapshotOutput(runtime::FileSystem& files_in, const SnapshotWriterOptions& options,
                   std::int64_t zxid)
        : files(files_in),
          directory(options.directory),
          path(runtime::join_path(directory, snapshot_file_name(zxid, options.compression))),
          deflater(make_deflater(options.compression)) {}

    Status append(BytesView slice);
    Status finish();
    Status write(BytesView bytes);

    runtime::FileSystem& files;
    std::string directory;
    std::string path;
    std::unique_ptr<Deflater> deflater;
    std::unique_ptr<runtime::File> file;
    std::uint64_t position = 0;
    Status status;  // of the last step
};

Status SnapshotOutput::append(BytesView slice) {
    if (!file) {
        file = TRY(files.open(path + ".tmp", runtime::OpenMode::truncate));
    }
    if (!deflater) {
        return write(slice);
    }
    Bytes deflated;
    deflater->add(slice, deflated);
    return write(deflated);
}

Status SnapshotOutput::write(BytesView bytes) {
    TRY(file->write_at(position, bytes));
    position += bytes.size();
    return {};
}

Status SnapshotOutput::finish() {
    if (deflater) {
        Bytes rest;
        deflater->finish(rest);
        TRY(write(rest));
    }
    TRY(file->sync_data());
    file.reset();
    TRY(files.rename(path + ".tmp", path));
    return files.sync_directory(directory);
}

}  // namespace

struct SnapshotWriter::State : std::enable_shared_from_this<State> {
    State(const runtime::Runtime& runtime_in, SnapshotWriterOptions options_in)
        : runtime(runtime_in), options(std::move(options_in)), lane(runtime.disk.new_lane()) {}

    void step();
    void finish(const Status& status);

    runtime::Runtime runtime;
    SnapshotWriterOptions options;
    runtime::DiskLane lane;
    std::unique_ptr<SnapshotEncoder> encoder;
    std::shared_ptr<SnapshotOutput> output;
    Written then;
};

void SnapshotWriter::State::step() {
    Bytes slice = encoder->next(options.slice_bytes);
    const bool last = slice.empty();
    runtime.disk.submit(
        lane,
        [out = output, bytes = std::move(slice)] {
            out->status = bytes.empty() ? out->finish() : out->append(bytes);
        },
        [self = weak_from_this(), last] {
            const auto state = self.lock();
            if (!state) {
                return;
            }
            if (last || !state->output->status) {
                state->finish(state->output->status);
            } else {
                state->step();
            }
        });
}

void SnapshotWriter::State::finish(const Status& status) {
    Result<std::int64_t> result = encoder->zxid();
    if (!status) {
        result = fail(status.error());
    }
    encoder.reset();
    output.reset();
    std::exchange(then, nullptr)(result);
}

SnapshotWriter::SnapshotWriter(const runtime::Runtime& runtime, SnapshotWriterOptions options)
    : x_state(std::make_shared<State>(runtime, std::move(options))) {}
SnapshotWriter::~SnapshotWriter() = default;

bool SnapshotWriter::busy() const {
    return x_state->encoder != nullptr;
}

void SnapshotWriter::start(tree::NodeTree& tree, Written then) {
    CHECK(!busy(), "one snapshot at a time");
    State& state = *x_state;
    state.encoder = std::make_unique<SnapshotEncoder>(tree, state.options.sections);
    state.output =
        std::make_shared<SnapshotOutput>(state.runtime.files, state.options, state.encoder->zxid());
    state.then = std::move(then);
    state.step();
}

Status write_snapshot(runtime::FileSystem& files, const SnapshotWriterOptions& options,
                      tree::NodeTree& tree) {
    SnapshotEncoder encoder(tree, options.sections);
    SnapshotOutput output(files, options, encoder.zxid());
    for (Bytes slice = encoder.next(options.slice_bytes); !slice.empty();
         slice = encoder.next(options.slice_bytes)) {
        TRY(output.append(slice));
    }
    return output.finish();
}

}  // namespace millrace::coordinator::storage
