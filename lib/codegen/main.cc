// millrace-codegen --root DIR --out DIR [--api-table STEM] [--samples STEM] FILE.schema…
// Writes OUT/<path of the schema below ROOT without its ending>.h and .cc, and the tables asked for. A file whose text does
// not change keeps its time, so that nothing is compiled again for it.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "lib/codegen/emit.h"
#include "lib/codegen/schema.h"

namespace millrace::codegen {
namespace {

struct Options {
    std::filesystem::path root;
    std::filesystem::path out;
    std::string api_table;
    std::string samples;
    std::vector<std::filesystem::path> files;
};

Result<Options> parse_options(const std::vector<std::string>& arguments) {
    Options options;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& name = arguments[i];
        if (!name.starts_with("--")) {
            options.files.emplace_back(name);
            continue;
        }
        const std::string value = ++i < arguments.size() ? arguments[i] : "";
        if (name == "--root") {
            options.root = value;
        } else if (name == "--out") {
            options.out = value;
        } else if (name == "--api-table") {
            options.api_table = value;
        } else if (name == "--samples") {
            options.samples = value;
        } else {
            return fail(Errc::invalid_argument,
                        fmt::format("{} is not known; options are --root --out --api-table "
                                    "--samples",
                                    name));
        }
    }
    if (options.root.empty() || options.out.empty()) {
        return fail(Errc::invalid_argument, "--root and --out are needed");
    }
    return options;
}

Result<std::string> read_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) {
        return fail(Errc::io_error, fmt::format("cannot read {}", path.string()));
    }
    return text.str();
}

Status write_text(const std::filesystem::path& path, const std::string& text) {
    const Result<std::string> before = read_text(path);
    if (before && *before == text) {
        return {};
    }
    std::error_code ignored;  // the write below reports a folder that could not be made
    std::filesystem::create_directories(path.parent_path(), ignored);
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) {
        return fail(Errc::io_error, fmt::format("cannot write {}", path.string()));
    }
    return {};
}

Status generate(const Options& options) {
    std::vector<Schema> schemas;
    std::vector<std::string> stems;
    for (const std::filesystem::path& file : options.files) {
        const std::filesystem::path inside = std::filesystem::relative(file, options.root);
        const std::string text = TRY(read_text(file));
        schemas.push_back(TRY(parse_schema(inside.string(), text)));
        stems.push_back(std::filesystem::path(inside).replace_extension().string());
    }
    TRY(check_together(schemas));
    for (std::size_t i = 0; i < schemas.size(); ++i) {
        TRY(write_text(options.out / (stems[i] + ".h"), emit_header(schemas[i])));
        TRY(write_text(options.out / (stems[i] + ".cc"), emit_source(schemas[i], stems[i])));
        if (!options.samples.empty()) {
            TRY(write_text(options.out / (stems[i] + "_samples.cc"),
                           emit_samples(schemas[i], stems[i], options.samples)));
        }
    }
    if (!options.api_table.empty()) {
        TRY(write_text(options.out / (options.api_table + ".cc"), emit_api_table(schemas)));
    }
    if (!options.samples.empty()) {
        TRY(write_text(options.out / (options.samples + ".h"),
                       emit_samples_header(options.samples)));
        TRY(write_text(options.out / (options.samples + ".cc"),
                       emit_samples_list(stems, options.samples)));
    }
    return {};
}

Status run(const std::vector<std::string>& arguments) {
    const Options options = TRY(parse_options(arguments));
    return generate(options);
}

}  // namespace
}  // namespace millrace::codegen

int main(int count, char** arguments) {
    const millrace::Status status = millrace::codegen::run({arguments + 1, arguments + count});
    if (!status) {
        std::fprintf(stderr, "%s\n", status.error().message.c_str());
        return 1;
    }
    return 0;
}
