// Logs: when lines were written, how they are stamped.
#include "operator/local/log_marks.h"
#include "operator/local/log_reader.h"

using namespace millrace::kube_operator::local;
using millrace::WallTime;

TEST_CASE("Lines since a time begin after what was there before it") {
    LogMarks marks;
    marks.note("a", 100, WallTime{1000});
    marks.note("a", 100, WallTime{2000});
    marks.note("a", 250, WallTime{3000});
    REQUIRE(marks.first_since("a", WallTime{500}) == 0);
    REQUIRE(marks.first_since("a", WallTime{2500}) == 100);
    REQUIRE(marks.first_since("a", WallTime{9000}) == 250);
    REQUIRE(marks.first_since("other", WallTime{9000}) == 0);
    REQUIRE(marks.written_by("a", 99).millis == 1000);
    REQUIRE(marks.written_by("a", 100).millis == 3000);
    REQUIRE(marks.written_by("a", 400).millis == 3000);
}

TEST_CASE("A log that was emptied begins again, one that was renamed takes its times along") {
    LogMarks marks;
    marks.note("a", 100, WallTime{1000});
    marks.note("a", 10, WallTime{2000});
    REQUIRE(marks.written_by("a", 5).millis == 2000);
    marks.rename("a", "a.previous");
    REQUIRE(marks.written_by("a.previous", 5).millis == 2000);
    REQUIRE(marks.written_by("a", 5).millis == 0);
    marks.keep_only({"b"});
    REQUIRE(marks.written_by("a.previous", 5).millis == 0);
}

TEST_CASE("Times of a long log are bounded in number and stay in order") {
    LogMarks marks;
    const int many = 5 * static_cast<int>(LogMarks::kMarksMax);
    for (int i = 1; i <= many; ++i) {
        marks.note("a", static_cast<std::uint64_t>(i) * 10, WallTime{i});
    }
    REQUIRE(marks.written_by("a", static_cast<std::uint64_t>(many) * 10 - 1).millis == many);
    const std::uint64_t half = marks.first_since("a", WallTime{many / 2});
    REQUIRE(half <= static_cast<std::uint64_t>(many / 2) * 10);
    REQUIRE(half > static_cast<std::uint64_t>(many / 4) * 10);
}

TEST_CASE("Each line gets its time once, also when it comes in two pieces") {
    LineStamper stamper([](std::uint64_t offset) {
        return WallTime{1'700'000'000'250 + static_cast<std::int64_t>(offset) * 1000};
    });
    REQUIRE(stamper.stamped("one\ntw", 0) ==
            "2023-11-14T22:13:20.250000000Z one\n2023-11-14T22:13:24.250000000Z tw");
    REQUIRE(stamper.stamped("o\nx\n", 6) == "o\n2023-11-14T22:13:28.250000000Z x\n");
    REQUIRE(stamper.stamped("", 10).empty());
}
