#include "operator/local/store.h"

#include <nlohmann/json.hpp>

#include "operator/local/selectors.h"

using namespace millrace::kube_operator::local;
using millrace::Errc;
using Json = nlohmann::json;

namespace {

ObjectKey key(const std::string& name) {
    return {"pods", "n", name};
}

Json object(const std::string& name, const std::string& uid = "u", const std::string& owner = "") {
    Json out = {{"metadata", {{"name", name}, {"namespace", "n"}, {"uid", uid}}}};
    if (!owner.empty()) {
        out["metadata"]["ownerReferences"] = Json::array({{{"uid", owner}}});
    }
    return out;
}

}  // namespace

TEST_CASE("Every change gets the next resource version") {
    Store store;
    REQUIRE((*store.put(key("a"), object("a")))->at("metadata")["resourceVersion"] == "1");
    REQUIRE((*store.put(key("a"), object("a")))->at("metadata")["resourceVersion"] == "2");
    REQUIRE(store.erase(key("a"))->at("metadata")["resourceVersion"] == "3");
    REQUIRE(store.erase(key("a")) == nullptr);
    REQUIRE(store.revision() == 3);
    store.invariants();
}

TEST_CASE("The history gives what came after a revision, and says when it does not reach back") {
    Store store({.history_max = 2});
    for (const char* name : {"a", "b", "c"}) {
        REQUIRE(store.put(key(name), object(name, name)));
    }
    const auto changes = store.changes_after(1);
    REQUIRE(changes);
    REQUIRE(changes->size() == 2);
    REQUIRE(changes->front().key.name == "b");
    REQUIRE(store.changes_after(0).error().code == Errc::not_found);
    REQUIRE(store.changes_after(3)->empty());
    REQUIRE_FALSE(store.changes_after(4));
    store.invariants();
}

TEST_CASE("Numbering continues above what was restored") {
    Store store;
    store.restore(key("a"), std::make_shared<const Json>(object("a")));
    store.continue_after(40);
    REQUIRE((*store.put(key("b"), object("b", "v")))->at("metadata")["resourceVersion"] == "41");
    REQUIRE_FALSE(store.changes_after(39));
}

TEST_CASE("Objects and their number are bounded") {
    Store store({.objects_max = 1, .object_bytes_max = 300});
    REQUIRE(store.put(key("a"), object("a")));
    REQUIRE(store.put(key("b"), object("b")).error().code == Errc::busy);
    Json large = object("a");
    large["data"] = std::string(400, 'x');
    REQUIRE(store.put(key("a"), large).error().code == Errc::too_large);
    REQUIRE(store.revision() == 1);
}

TEST_CASE("Dependents are found by the uid of their owner and forgotten with it") {
    Store store;
    REQUIRE(store.put(key("owner"), object("owner", "o")));
    REQUIRE(store.put(key("child"), object("child", "c", "o")));
    REQUIRE(store.dependents("o") == std::vector<ObjectKey>{key("child")});
    store.erase(key("child"));
    REQUIRE(store.dependents("o").empty());
    REQUIRE(store.has_uid("o"));
    store.invariants();
}

TEST_CASE("Label selectors") {
    const Json labels = {{"app", "web"}, {"tier", "a"}};
    const std::vector<std::pair<const char*, bool>> cases = {{"", true},
                                                             {"app=web", true},
                                                             {"app==web,tier!=b", true},
                                                             {"app in (web, db)", true},
                                                             {"app notin (web)", false},
                                                             {"app", true},
                                                             {"!app", false},
                                                             {"!other", true},
                                                             {"other!=x", true},
                                                             {"app=db", false}};
    for (const auto& [text, expected] : cases) {
        INFO(text);
        REQUIRE(LabelSelector::parse(text)->matches(labels) == expected);
    }
    for (const char* wrong : {"a in b", "=x", "a in (b", "a b"}) {
        INFO(wrong);
        REQUIRE_FALSE(LabelSelector::parse(wrong));
    }
}

TEST_CASE("Field selectors compare texts at dotted paths") {
    const Json pod = {{"metadata", {{"name", "a"}}}, {"spec", {{"n", 3}}}};
    REQUIRE(FieldSelector::parse("metadata.name=a,spec.n=3")->matches(pod));
    REQUIRE(FieldSelector::parse("metadata.name!=b")->matches(pod));
    REQUIRE_FALSE(FieldSelector::parse("status.phase=Running")->matches(pod));
    REQUIRE_FALSE(FieldSelector::parse("metadata.name"));
}
