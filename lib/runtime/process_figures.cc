#include "lib/runtime/process_figures.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace millrace::runtime {
namespace {

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

std::uint64_t count_entries(const char* path) {
    DIR* const directory = ::opendir(path);
    if (directory == nullptr) {
        return 0;
    }
    std::uint64_t count = 0;
    while (::readdir(directory) != nullptr) {
        count += 1;
    }
    ::closedir(directory);
    // Without ".", ".." and the descriptor that was just used.
    return count >= 3 ? count - 3 : 0;
}

double boot_time_seconds() {
    std::ifstream file("/proc/stat");
    std::string word;
    double value = 0;
    while (file >> word) {
        if (word == "btime" && file >> value) {
            return value;
        }
    }
    return 0;
}

}  // namespace

ProcessFigures read_process_figures() {
    ProcessFigures figures;
    rusage usage{};
    if (::getrusage(RUSAGE_SELF, &usage) == 0) {
        figures.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    }
    std::ifstream memory("/proc/self/statm");
    std::uint64_t total_pages = 0;
    std::uint64_t resident_pages = 0;
    if (memory >> total_pages >> resident_pages) {
        figures.resident_bytes =
            resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    }
    figures.open_descriptors = count_entries("/proc/self/fd");
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        figures.descriptors_max = limit.rlim_cur;
    }
    static const double start_time =
        boot_time_seconds() + static_cast<double>(process_start_ticks(::getpid())) /
                                  static_cast<double>(::sysconf(_SC_CLK_TCK));
    figures.start_time_seconds = start_time;
    return figures;
}

std::uint64_t process_start_ticks(int pid) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string line;
    std::getline(file, line);
    // The second field, the name, may hold blanks and brackets; the last bracket ends it.
    const std::size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) {
        return 0;
    }
    std::istringstream fields(line.substr(name_end + 1));
    std::string field;
    fields >> field;
    if (field == "Z" || field == "X") {
        return 0;
    }
    for (int number = 4; number <= 21; ++number) {
        fields >> field;
    }
    std::uint64_t ticks = 0;
    fields >> ticks;
    return ticks;
}

}  // namespace millrace::runtime
