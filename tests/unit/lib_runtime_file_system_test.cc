#include <stdlib.h>
#include <unistd.h>

#include "lib/runtime/posix/posix_file_system.h"

namespace millrace::runtime {
namespace {

class FileSystemFixture {
 public:
    FileSystemFixture() { REQUIRE(::mkdtemp(x_directory.data()) != nullptr); }
    ~FileSystemFixture() { static_cast<void>(files->remove_tree(x_directory)); }
    std::string at(std::string_view name) const { return join_path(x_directory, name); }

    std::unique_ptr<FileSystem> files = make_posix_file_system();

 private:
    std::string x_directory = "/tmp/millrace-file-system-XXXXXX";
};

}  // namespace

TEST_CASE_METHOD(FileSystemFixture, "pieces are written one after the other and read back") {
    const auto file = *files->open(at("log"), OpenMode::create_new);
    std::vector<Bytes> owned;
    std::vector<BytesView> pieces;
    std::string expected;
    for (int i = 0; i < 150; ++i) {
        owned.push_back(to_bytes(i % 7 == 3 ? "" : fmt::format("piece {};", i)));
    }
    for (const Bytes& bytes : owned) {
        pieces.emplace_back(bytes);
        expected += to_text(bytes);
    }
    REQUIRE(file->write_pieces_at(10, pieces).has_value());
    REQUIRE(file->sync_data().has_value());
    REQUIRE(*file->size() == 10 + expected.size());
    Bytes read(expected.size() + 100);
    REQUIRE(*file->read_at(10, read) == expected.size());
    read.resize(expected.size());
    REQUIRE(to_text(read) == expected);
}

TEST_CASE_METHOD(FileSystemFixture, "open modes differ in what they demand and keep") {
    REQUIRE(files->open(at("x"), OpenMode::read).error().code == Errc::not_found);
    REQUIRE(files->open(at("x"), OpenMode::read_write).error().code == Errc::not_found);
    REQUIRE((*files->open(at("x"), OpenMode::create))->write_at(0, as_bytes("abc")).has_value());
    REQUIRE(*(*files->open(at("x"), OpenMode::create))->size() == 3);
    REQUIRE(files->open(at("x"), OpenMode::create_new).error().code == Errc::already_exists);
    REQUIRE(*(*files->open(at("x"), OpenMode::truncate))->size() == 0);
}

TEST_CASE_METHOD(FileSystemFixture, "an error names the path and the reason") {
    const auto missing = files->open(at("nowhere/x"), OpenMode::create);
    REQUIRE(missing.error().message ==
            "cannot open " + at("nowhere/x") + ": No such file or directory");
}

TEST_CASE("a full disk has a code of its own") {
    const auto files = make_posix_file_system();
    const auto full = *files->open("/dev/full", OpenMode::read_write);
    REQUIRE(full->write_at(0, as_bytes("x")).error().code == Errc::disk_full);
}

TEST_CASE_METHOD(FileSystemFixture,
                 "replace_file leaves the whole new file and nothing beside it") {
    REQUIRE(files->replace_file(at("checkpoint"), as_bytes("old and long")).has_value());
    REQUIRE(files->replace_file(at("checkpoint"), as_bytes("new")).has_value());
    REQUIRE(to_text(*files->read_file(at("checkpoint"), 100)) == "new");
    REQUIRE(files->list(at(""))->size() == 1);
    REQUIRE(files->read_file(at("checkpoint"), 2).error().code == Errc::too_large);
}

TEST_CASE_METHOD(FileSystemFixture, "a listing is sorted and tells files from directories") {
    REQUIRE(files->make_directories(at("b/c/d")).has_value());
    REQUIRE(files->replace_file(at("a"), as_bytes("12345")).has_value());
    const auto entries = *files->list(at(""));
    REQUIRE(entries.size() == 2);
    REQUIRE(entries[0].name == "a");
    REQUIRE(entries[0].size == 5);
    REQUIRE(entries[0].modified_millis > 1'600'000'000'000);
    REQUIRE(entries[1].name == "b");
    REQUIRE(entries[1].is_directory);
    REQUIRE(files->list(at("none")).error().code == Errc::not_found);
    REQUIRE(files->remove(at("b")).error().code == Errc::io_error);
    REQUIRE(files->remove_tree(at("b")).has_value());
    REQUIRE(files->remove_tree(at("b")).error().code == Errc::not_found);
    REQUIRE_FALSE(files->exists(at("b")));
}

TEST_CASE_METHOD(FileSystemFixture, "a lock excludes a second holder until it is let go") {
    auto first = files->lock(at(".lock"));
    REQUIRE(first.has_value());
    REQUIRE(files->lock(at(".lock")).error().code == Errc::busy);
    first->reset();
    REQUIRE(files->lock(at(".lock")).has_value());
}

TEST_CASE_METHOD(FileSystemFixture, "an open file keeps its content after a rename over it") {
    REQUIRE(files->replace_file(at("x"), as_bytes("first")).has_value());
    const auto before = *files->open(at("x"), OpenMode::read);
    REQUIRE(files->replace_file(at("x"), as_bytes("second")).has_value());
    Bytes bytes(5);
    REQUIRE(*before->read_at(0, bytes) == 5);
    REQUIRE(to_text(bytes) == "first");
    REQUIRE(files->sync_directory(at("")).has_value());
    REQUIRE(*files->free_bytes(at("")) > 0);
}

}  // namespace millrace::runtime
