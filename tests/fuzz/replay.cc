// Runs a fuzz target over every file of a folder, once each, in the order of the names: replay FOLDER.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int count, char** arguments) {
    std::error_code error;
    std::set<std::filesystem::path> files;
    if (count == 2) {
        for (const auto& entry : std::filesystem::directory_iterator(arguments[1], error)) {
            files.insert(entry.path());
        }
    }
    if (files.empty()) {
        std::fprintf(stderr, "usage: %s FOLDER, which must hold at least one file\n", arguments[0]);
        return 2;
    }
    for (const std::filesystem::path& path : files) {
        std::ifstream file(path, std::ios::binary);
        const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
        std::printf("%s\n", path.filename().c_str());
        std::fflush(stdout);  // names the input that a crash belongs to
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    return 0;
}
