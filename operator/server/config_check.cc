#include "operator/server/config_check.h"

#include <fmt/format.h>

#include "lib/base/log.h"

namespace millrace::kube_operator::server {
namespace {

constexpr std::size_t kOutputMax = 64 << 10;
constexpr int kRefused = 2;  // exit code of the programs for settings they do not take

std::string_view program_of(resources::Role role) {
    return role == resources::Role::broker ? "millrace-broker" : "millrace-coordinator";
}

}  // namespace

std::string problem_in(std::string_view output, std::string_view program, std::string_view file) {
    while (output.ends_with('\n')) {
        output.remove_suffix(1);
    }
    const std::size_t before = output.rfind('\n');
    std::string_view line = before == std::string_view::npos ? output : output.substr(before + 1);
    const std::string own = fmt::format("{}: ", program);
    if (line.starts_with(own)) {
        line.remove_prefix(own.size());
    }
    const std::string of_file = fmt::format("{}:", file);
    return line.starts_with(of_file) ? fmt::format("line {}", line.substr(of_file.size()))
                                     : std::string(line);
}

ConfigCheck::ConfigCheck(runtime::Runtime runtime, runtime::ProcessRunner& runner,
                         ConfigCheckOptions options)
    : x_runtime(runtime),
      x_runner(runner),
      x_options(std::move(options)),
      x_alive(std::make_shared<int>(0)) {}

ConfigCheck::~ConfigCheck() = default;

void ConfigCheck::check(resources::Role role, const std::string& text, Done done) {
    const std::string key = fmt::format("{}\n{}", program_of(role), text);
    const auto known = x_answers.find(key);
    if (known != x_answers.end() || x_options.programs.empty()) {
        done(known == x_answers.end() ? "" : known->second);
        return;
    }
    const std::string base = fmt::format("{}/check-{}", x_options.scratch, ++x_started);
    const std::string why = start(role, text, base, done);
    if (why.empty()) {
        return;
    }
    if (!std::exchange(x_complained, true)) {
        log_warning("operator", "settings are not checked before nodes get them: {}", why);
    }
    done("");
}

// Why it could not be started; done is taken over when it could.
std::string ConfigCheck::start(resources::Role role, const std::string& text,
                               const std::string& base, Done& done) {
    const std::string program =
        runtime::join_path(x_options.programs, std::string(program_of(role)));
    if (!x_runtime.files.exists(program)) {
        return fmt::format("there is no {}", program);
    }
    if (const Status made = x_runtime.files.make_directories(x_options.scratch); !made) {
        return made.error().message;
    }
    if (const Status written = x_runtime.files.replace_file(base, as_bytes(text)); !written) {
        return written.error().message;
    }
    runtime::ProcessOptions options;
    options.argv = {program, "--check-config", base};
    options.output_path = base + ".log";
    const auto held = std::make_shared<Done>(std::move(done));
    const Result<runtime::ProcessId> process = x_runner.spawn(
        options, [this, base, held, key = fmt::format("{}\n{}", program_of(role), text),
                  alive = std::weak_ptr<int>(x_alive)](const runtime::ProcessEnd& end) {
            if (!alive.expired()) {
                take(key, base, end, std::move(*held));
            }
        });
    if (!process) {
        done = std::move(*held);
        return process.error().message;
    }
    return "";
}

void ConfigCheck::take(const std::string& key, const std::string& base,
                       const runtime::ProcessEnd& end, Done done) {
    const std::string log = base + ".log";
    const Result<Bytes> output = x_runtime.files.read_file(log, kOutputMax);
    std::string problem;
    if (end.known && end.signal == 0 && end.exit_code == kRefused) {
        const std::string_view program = std::string_view(key).substr(0, key.find('\n'));
        problem = problem_in(output ? as_text(*output) : "", program, base);
        problem = problem.empty() ? "the program refuses it" : problem;
    }
    for (const std::string& file : {base, log}) {
        (void)x_runtime.files.remove(file);
    }
    if (x_answers.size() >= kAnswersMax) {
        x_answers.clear();
    }
    x_answers[key] = problem;
    done(problem);
}

}  // namespace millrace::kube_operator::server
