// The rebalance protocol of one group, driven through the coordinator: every step is followed by its invariants.
#include "broker/group/coordinator.h"

using namespace millrace;
using namespace millrace::broker::group;

namespace {

// A coordinator that leads every partition, a clock, and what it answered last under each token.
class World {
 public:
    explicit World(CoordinatorConfig config = fast()) : coordinator(config, random) {
        for (std::int32_t partition = 0; partition < config.offsets_topic_partitions; ++partition) {
            REQUIRE(coordinator.begin_load(partition, 1));
            take(coordinator.finish_load(partition, at));
        }
    }

    static CoordinatorConfig fast() {
        CoordinatorConfig config;
        config.membership.initial_rebalance_delay = Duration{};
        return config;
    }

    void take(std::vector<Effect> effects) {
        for (Effect& effect : effects) {
            if (auto* respond = std::get_if<Respond>(&effect)) {
                REQUIRE_FALSE(answers.contains(respond->token.value()));
                answers.emplace(respond->token.value(), std::move(respond->response));
            } else {
                appends.push_back(std::get<Append>(std::move(effect)));
            }
        }
        const auto broken = coordinator.invariants();
        INFO(broken.value_or(""));
        REQUIRE_FALSE(broken);
    }

    // The log takes everything asked for so far.
    void persist(ErrorCode error = ErrorCode::none) {
        for (const Append& append : std::exchange(appends, {})) {
            take(coordinator.appended(append.ticket, error, next_offset, at));
            next_offset += 1;
        }
    }

    void pass(Duration time) {
        const Instant end = at.now + time;
        while (coordinator.next_deadline() && *coordinator.next_deadline() <= end) {
            at.now = std::max(at.now, *coordinator.next_deadline());
            take(coordinator.expire(at));
        }
        at.wall.millis += to_millis(time);
        at.now = end;
    }

    std::uint64_t join(JoinRequest request) {
        take(coordinator.join(Token(++token), request, at));
        return token;
    }
    std::uint64_t sync(const JoinResponse& joined, std::map<std::string, Bytes> assignments = {}) {
        SyncRequest request;
        request.group_id = "g";
        request.generation = joined.generation;
        request.member_id = joined.member_id;
        request.assignments = std::move(assignments);
        take(coordinator.sync(Token(++token), request, at));
        return token;
    }
    ErrorCode heartbeat(const JoinResponse& joined) {
        HeartbeatRequest request{"g", joined.generation, joined.member_id, std::nullopt};
        return coordinator.heartbeat(request, at);
    }
    LeaveResponse leave(const std::string& member_id,
                        std::optional<std::string> instance = std::nullopt) {
        take(coordinator.leave(Token(++token), {"g", {{member_id, instance}}}, at));
        return answer<LeaveResponse>(token);
    }
    bool answered(std::uint64_t which) const { return answers.contains(which); }
    template <class T>
    T answer(std::uint64_t which) const {
        REQUIRE(answers.contains(which));
        return std::get<T>(answers.at(which));
    }
    JoinResponse joined(std::uint64_t which) const { return answer<JoinResponse>(which); }
    std::string state() { return coordinator.describe("g").state; }

    Random random{7};
    Moment at{{Duration{std::chrono::hours(1)}}, {1'700'000'000'000}};
    Coordinator coordinator;
    std::map<std::uint64_t, Response> answers;
    std::vector<Append> appends;
    std::uint64_t token = 0;
    std::int64_t next_offset = 0;
};

JoinRequest member(std::string id = "", std::string metadata = "m") {
    JoinRequest request;
    request.group_id = "g";
    request.member_id = std::move(id);
    request.client_id = "app";
    request.client_host = "/10.0.0.1";
    request.rebalance_timeout = std::chrono::seconds(60);
    request.session_timeout = std::chrono::seconds(10);
    request.protocol_type = "consumer";
    request.protocols = {{"range", to_bytes(metadata)}, {"roundrobin", to_bytes(metadata)}};
    return request;
}

JoinRequest static_member(std::string instance, std::string id = "") {
    JoinRequest request = member(std::move(id));
    request.group_instance_id = std::move(instance);
    return request;
}

// Two members, assigned and stable; the first leads.
struct Pair {
    JoinResponse leader;
    JoinResponse follower;
};

Pair stable_pair(World& world) {
    const auto first = world.join(member());
    JoinResponse leader = world.joined(first);
    const auto second = world.join(member());
    const auto again = world.join(member(leader.member_id));
    leader = world.joined(again);
    const JoinResponse follower = world.joined(second);
    world.sync(follower);
    world.sync(leader, {{leader.member_id, to_bytes("L")}, {follower.member_id, to_bytes("F")}});
    world.persist();
    REQUIRE(world.state() == "Stable");
    return {leader, follower};
}

}  // namespace

TEST_CASE("a dynamic member of JoinGroup v4 is told its id first") {
    World world;
    JoinRequest request = member();
    request.require_known_member_id = true;
    const JoinResponse told = world.joined(world.join(request));
    REQUIRE(told.error == ErrorCode::member_id_required);
    REQUIRE(told.member_id.starts_with("app-"));
    REQUIRE(told.member_id.size() == 4 + 36);
    REQUIRE(world.state() == "Empty");

    const JoinResponse joined = world.joined(world.join(member(told.member_id)));
    REQUIRE(joined.error == ErrorCode::none);
    REQUIRE(joined.generation == 1);
    REQUIRE(joined.leader == told.member_id);
    REQUIRE(joined.members.size() == 1);
}

TEST_CASE("an id that is never used holds the rebalance up until its session ends") {
    World world;
    JoinRequest request = member();
    request.require_known_member_id = true;
    world.join(request);
    const auto waiting = world.join(member());
    // The initial delay of 0 does not wait for ids handed out, but the next round does.
    const JoinResponse first = world.joined(waiting);
    world.join(request);
    const auto again = world.join(member(first.member_id, "changed"));
    REQUIRE_FALSE(world.answered(again));
    world.pass(std::chrono::seconds(10));
    REQUIRE(world.joined(again).generation == 2);
}

TEST_CASE("a join with an id that the group does not know is refused") {
    World world;
    REQUIRE(world.joined(world.join(member("app-x"))).error == ErrorCode::unknown_member_id);
    stable_pair(world);
    REQUIRE(world.joined(world.join(member("app-x"))).error == ErrorCode::unknown_member_id);
}

TEST_CASE("session timeouts outside the limits are refused") {
    World world;
    JoinRequest request = member();
    request.session_timeout = std::chrono::seconds(5);
    REQUIRE(world.joined(world.join(request)).error == ErrorCode::invalid_session_timeout);
    request.session_timeout = std::chrono::minutes(31);
    REQUIRE(world.joined(world.join(request)).error == ErrorCode::invalid_session_timeout);
}

TEST_CASE("an empty group id is invalid for membership") {
    World world;
    JoinRequest request = member();
    request.group_id = "";
    REQUIRE(world.joined(world.join(request)).error == ErrorCode::invalid_group_id);
}

TEST_CASE("the first generation waits for the initial rebalance delay") {
    CoordinatorConfig config;
    World world(config);
    const auto first = world.join(member());
    world.pass(std::chrono::milliseconds(2900));
    REQUIRE_FALSE(world.answered(first));
    world.pass(std::chrono::milliseconds(100));
    REQUIRE(world.joined(first).generation == 1);
}

TEST_CASE("a newcomer extends the initial delay, and never beyond the rebalance timeout") {
    World world{CoordinatorConfig{}};
    JoinRequest request = member();
    request.rebalance_timeout = std::chrono::seconds(7);
    const auto first = world.join(request);
    for (int i = 0; i < 2; ++i) {
        world.pass(std::chrono::milliseconds(2500));
        world.join(request);
    }
    // 3 s, then 3 s more for the second member, then the remaining second for the third.
    REQUIRE_FALSE(world.answered(first));
    world.pass(std::chrono::seconds(2));
    REQUIRE(world.joined(first).generation == 1);
    REQUIRE(world.joined(first).members.size() == 3);
}

TEST_CASE("the assignment of the leader reaches everybody once it is durable") {
    World world;
    const JoinResponse alone = world.joined(world.join(member()));
    const auto second = world.join(member());
    const auto first = world.join(member(alone.member_id));
    const JoinResponse leader = world.joined(first);
    const JoinResponse follower = world.joined(second);
    REQUIRE(leader.members.size() == 2);
    REQUIRE(follower.members.empty());
    REQUIRE(follower.leader == leader.member_id);

    const auto waits = world.sync(follower);
    const auto leads = world.sync(leader, {{follower.member_id, to_bytes("F")}});
    REQUIRE_FALSE(world.answered(waits));
    REQUIRE_FALSE(world.answered(leads));
    REQUIRE(world.state() == "CompletingRebalance");
    world.persist();
    REQUIRE(to_text(world.answer<SyncResponse>(waits).assignment) == "F");
    REQUIRE(world.answer<SyncResponse>(leads).assignment.empty());
    REQUIRE(world.answer<SyncResponse>(leads).protocol_name == "range");
    REQUIRE(world.state() == "Stable");
}

TEST_CASE("an assignment that cannot be stored starts the round again") {
    World world;
    const JoinResponse alone = world.joined(world.join(member()));
    const auto leads = world.sync(alone, {{alone.member_id, to_bytes("L")}});
    world.persist(ErrorCode::not_enough_replicas);
    REQUIRE(world.answer<SyncResponse>(leads).error == ErrorCode::coordinator_not_available);
    REQUIRE(world.state() == "PreparingRebalance");
}

TEST_CASE("the group takes the protocol that all members know and most prefer") {
    World world;
    const JoinResponse first = world.joined(world.join(member()));
    JoinRequest other = member();
    other.protocols = {{"roundrobin", {}}, {"sticky", {}}};
    const auto second = world.join(other);
    const auto again = world.join(member(first.member_id));
    REQUIRE(world.joined(second).protocol_name == "roundrobin");
    REQUIRE(world.joined(again).protocol_name == "roundrobin");
}

TEST_CASE("a member without a common protocol is refused") {
    World world;
    world.join(member());
    JoinRequest other = member();
    other.protocols = {{"sticky", {}}};
    REQUIRE(world.joined(world.join(other)).error == ErrorCode::inconsistent_group_protocol);
    other = member();
    other.protocol_type = "connect";
    REQUIRE(world.joined(world.join(other)).error == ErrorCode::inconsistent_group_protocol);
}

TEST_CASE("heartbeats tell of a rebalance, of old generations and of strangers") {
    World world;
    const auto [leader, follower] = stable_pair(world);
    REQUIRE(world.heartbeat(follower) == ErrorCode::none);
    JoinResponse old = follower;
    old.generation -= 1;
    REQUIRE(world.heartbeat(old) == ErrorCode::illegal_generation);
    old.member_id = "app-x";
    REQUIRE(world.heartbeat(old) == ErrorCode::unknown_member_id);
    world.join(member(leader.member_id));
    REQUIRE(world.heartbeat(follower) == ErrorCode::rebalance_in_progress);
}

TEST_CASE("a silent member is removed when its session ends") {
    World world;
    const auto [leader, follower] = stable_pair(world);
    world.pass(std::chrono::seconds(9));
    REQUIRE(world.heartbeat(leader) == ErrorCode::none);
    world.pass(std::chrono::seconds(2));
    REQUIRE(world.state() == "PreparingRebalance");
    REQUIRE(world.heartbeat(follower) == ErrorCode::unknown_member_id);
    const JoinResponse next = world.joined(world.join(member(leader.member_id)));
    REQUIRE(next.generation == leader.generation + 1);
    REQUIRE(next.members.size() == 1);
}

TEST_CASE("a round with one slow member ends without it at the rebalance timeout") {
    World world;
    const auto [leader, follower] = stable_pair(world);
    const auto rejoined = world.join(member(leader.member_id, "changed"));
    for (int i = 0; i < 7; ++i) {
        world.pass(std::chrono::seconds(8));
        REQUIRE(world.heartbeat(follower) == ErrorCode::rebalance_in_progress);
        REQUIRE_FALSE(world.answered(rejoined));
    }
    world.pass(std::chrono::seconds(4));
    REQUIRE(world.joined(rejoined).members.size() == 1);
    REQUIRE(world.heartbeat(follower) == ErrorCode::unknown_member_id);
}

TEST_CASE("the leader leaves while its followers wait for the assignment") {
    World world;
    const JoinResponse alone = world.joined(world.join(member()));
    const auto second = world.join(member());
    const JoinResponse leader = world.joined(world.join(member(alone.member_id)));
    const JoinResponse follower = world.joined(second);
    const auto waits = world.sync(follower);
    REQUIRE(world.leave(leader.member_id).members == std::vector{ErrorCode::none});
    REQUIRE(world.answer<SyncResponse>(waits).error == ErrorCode::rebalance_in_progress);
    const JoinResponse next = world.joined(world.join(member(follower.member_id)));
    REQUIRE(next.leader == follower.member_id);
    REQUIRE(next.generation == leader.generation + 1);
}

TEST_CASE("an assignment that arrives in the log after the round was broken changes nothing") {
    World world;
    const JoinResponse alone = world.joined(world.join(member()));
    const auto leads = world.sync(alone, {{alone.member_id, to_bytes("L")}});
    const auto second = world.join(member());
    REQUIRE(world.answer<SyncResponse>(leads).error == ErrorCode::rebalance_in_progress);
    world.persist();
    REQUIRE(world.state() == "PreparingRebalance");
    REQUIRE_FALSE(world.answered(second));
}

TEST_CASE("a follower that joins again with the same metadata gets the present generation") {
    World world;
    const auto [leader, follower] = stable_pair(world);
    const JoinResponse again = world.joined(world.join(member(follower.member_id)));
    REQUIRE(again.generation == follower.generation);
    REQUIRE(world.state() == "Stable");
    const auto synced = world.sync(again);
    REQUIRE(to_text(world.answer<SyncResponse>(synced).assignment) == "F");
}

TEST_CASE("a join retried on a second connection releases the first one") {
    World world;
    const auto [leader, follower] = stable_pair(world);
    const auto first = world.join(member(leader.member_id));
    const auto retry = world.join(member(leader.member_id));
    REQUIRE(world.joined(first).error == ErrorCode::rebalance_in_progress);
    REQUIRE_FALSE(world.answered(retry));
    world.join(member(follower.member_id));
    REQUIRE(world.joined(retry).error == ErrorCode::none);
}

TEST_CASE("members that do not sync in time are removed") {
    World world;
    const JoinResponse alone = world.joined(world.join(member()));
    const auto second = world.join(member());
    const JoinResponse leader = world.joined(world.join(member(alone.member_id)));
    const JoinResponse late = world.joined(second);
    world.sync(leader, {{leader.member_id, to_bytes("L")}});
    world.persist();
    for (int i = 0; i < 12; ++i) {
        world.pass(std::chrono::seconds(5));
        (void)world.heartbeat(leader);
        (void)world.heartbeat(late);
    }
    REQUIRE(world.state() == "PreparingRebalance");
    REQUIRE(world.heartbeat(late) == ErrorCode::unknown_member_id);
}

TEST_CASE("a static member that restarts keeps its place without a rebalance") {
    World world;
    const JoinResponse first = world.joined(world.join(static_member("one")));
    REQUIRE(first.member_id.starts_with("one-"));
    world.sync(first, {{first.member_id, to_bytes("A")}});
    world.persist();
    JoinRequest restart = static_member("one");
    restart.supports_skipping_assignment = true;
    const auto token = world.join(restart);
    REQUIRE_FALSE(world.answered(token));
    world.persist();
    const JoinResponse back = world.joined(token);
    REQUIRE(back.error == ErrorCode::none);
    REQUIRE(back.generation == first.generation);
    REQUIRE(back.member_id != first.member_id);
    REQUIRE(back.skip_assignment);
    REQUIRE(back.leader == back.member_id);
    REQUIRE(to_text(world.answer<SyncResponse>(world.sync(back)).assignment) == "A");

    HeartbeatRequest old{"g", first.generation, first.member_id, "one"};
    REQUIRE(world.coordinator.heartbeat(old, world.at) == ErrorCode::fenced_instance_id);
}

TEST_CASE("a static leader of an old client is shown the id that led before") {
    World world;
    const JoinResponse first = world.joined(world.join(static_member("one")));
    world.sync(first, {{first.member_id, to_bytes("A")}});
    world.persist();
    const auto token = world.join(static_member("one"));
    world.persist();
    REQUIRE(world.joined(token).leader == first.member_id);
    REQUIRE(world.joined(token).members.empty());
}

TEST_CASE("a static member whose new id cannot be stored keeps its old one") {
    World world;
    const JoinResponse first = world.joined(world.join(static_member("one")));
    world.sync(first, {{first.member_id, to_bytes("A")}});
    world.persist();
    const auto token = world.join(static_member("one"));
    world.persist(ErrorCode::not_leader_or_follower);
    REQUIRE(world.joined(token).error == ErrorCode::not_coordinator);
    REQUIRE(world.heartbeat(first) == ErrorCode::none);
}

TEST_CASE("a second process with the same instance id fences the first one's join") {
    World world;
    const JoinResponse first = world.joined(world.join(static_member("one")));
    const auto other = world.join(member());
    const auto waiting = world.join(static_member("one", first.member_id));
    REQUIRE(world.joined(waiting).error == ErrorCode::none);
    world.join(member(world.joined(other).member_id, "changed"));
    const auto parked = world.join(static_member("two"));
    const auto thief = world.join(static_member("two"));
    REQUIRE(world.joined(parked).error == ErrorCode::fenced_instance_id);
    REQUIRE_FALSE(world.answered(thief));
}

TEST_CASE("an administrator removes a static member by its instance id") {
    World world;
    const JoinResponse first = world.joined(world.join(static_member("one")));
    world.sync(first, {{first.member_id, to_bytes("A")}});
    world.persist();
    REQUIRE(world.leave("", "two").members == std::vector{ErrorCode::unknown_member_id});
    REQUIRE(world.leave("", "one").members == std::vector{ErrorCode::none});
    REQUIRE(world.state() == "Empty");
}

TEST_CASE("the last member leaves an empty group with a metadata record") {
    World world;
    const auto [leader, follower] = stable_pair(world);
    world.leave(leader.member_id);
    world.leave(follower.member_id);
    REQUIRE(world.state() == "Empty");
    REQUIRE(world.appends.size() == 1);
    const auto value = decode_group_value(*world.appends[0].records[0].value);
    REQUIRE(value);
    REQUIRE(value->members.empty());
    REQUIRE(value->generation == leader.generation + 1);
    REQUIRE_FALSE(value->leader);
    REQUIRE_FALSE(value->protocol);
}

TEST_CASE("a group does not grow above group.max.size") {
    CoordinatorConfig config = World::fast();
    config.membership.size_max = 2;
    World world(config);
    stable_pair(world);
    REQUIRE(world.joined(world.join(member())).error == ErrorCode::group_max_size_reached);
}

TEST_CASE("an unload answers whoever waits with NOT_COORDINATOR") {
    World world;
    const auto [leader, follower] = stable_pair(world);
    const auto waiting = world.join(member(leader.member_id));
    const std::int32_t partition = world.coordinator.partition_of("g");
    world.take(world.coordinator.unload(partition, 2, world.at));
    REQUIRE(world.joined(waiting).error == ErrorCode::not_coordinator);
    REQUIRE(world.heartbeat(follower) == ErrorCode::not_coordinator);
    REQUIRE(world.coordinator.describe("g").error == ErrorCode::not_coordinator);
}

TEST_CASE("an older leader epoch neither loads nor unloads") {
    World world;
    stable_pair(world);
    const std::int32_t partition = world.coordinator.partition_of("g");
    world.take(world.coordinator.unload(partition, 0, world.at));
    REQUIRE(world.state() == "Stable");
    REQUIRE_FALSE(world.coordinator.begin_load(partition, 0));
}

TEST_CASE("a stable group survives the move to another coordinator") {
    World world;
    const JoinResponse alone = world.joined(world.join(member()));
    const auto leads = world.sync(alone, {{alone.member_id, to_bytes("L")}});
    REQUIRE(world.appends.size() == 1);
    const GroupRecord record = world.appends[0].records[0];
    world.persist();
    REQUIRE(world.answer<SyncResponse>(leads).error == ErrorCode::none);

    const std::int32_t partition = world.coordinator.partition_of("g");
    world.take(world.coordinator.unload(partition, 2, world.at));
    REQUIRE(world.coordinator.begin_load(partition, 3));
    REQUIRE(world.heartbeat(alone) == ErrorCode::none);  // answered blindly while it loads
    REQUIRE(world.coordinator.describe("g").error == ErrorCode::coordinator_load_in_progress);
    LoadedRecord loaded;
    loaded.key = record.key;
    loaded.value = *record.value;
    REQUIRE(world.coordinator.replay(partition, loaded));
    world.take(world.coordinator.finish_load(partition, world.at));
    REQUIRE(world.state() == "Stable");
    REQUIRE(world.heartbeat(alone) == ErrorCode::none);
    REQUIRE(to_text(world.coordinator.describe("g").members[0].assignment) == "L");
    world.pass(std::chrono::seconds(11));
    REQUIRE(world.state() == "Empty");
}

TEST_CASE("states filter the list of groups without regard to case") {
    World world;
    stable_pair(world);
    REQUIRE(world.coordinator.list({"stable"}, {}).groups.size() == 1);
    REQUIRE(world.coordinator.list({"Empty"}, {}).groups.empty());
    REQUIRE(world.coordinator.list({}, {"Classic"}).groups.size() == 1);
    REQUIRE(world.coordinator.list({}, {"consumer"}).groups.empty());
}

TEST_CASE("random joins, leaves and silences break no invariant and leave no request unanswered") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        World world;
        Random dice(seed);
        std::map<std::string, JoinResponse> known;
        std::vector<std::uint64_t> joins;
        for (int step = 0; step < 120; ++step) {
            const auto pick = [&]() -> std::string {
                if (known.empty()) {
                    return "";
                }
                return std::next(known.begin(),
                                 static_cast<std::ptrdiff_t>(dice.below(known.size())))
                    ->first;
            };
            const std::string id = pick();
            switch (dice.below(7)) {
                case 0:
                    joins.push_back(world.join(member()));
                    break;
                case 1:
                    joins.push_back(world.join(static_member(dice.chance(0.5) ? "one" : "two")));
                    break;
                case 2:
                    joins.push_back(world.join(member(id, dice.chance(0.5) ? "m" : "n")));
                    break;
                case 3:
                    if (!id.empty()) {
                        world.sync(known[id], {{id, to_bytes("x")}});
                    }
                    break;
                case 4:
                    world.leave(id.empty() ? "nobody" : id);
                    break;
                case 5:
                    world.pass(std::chrono::seconds(dice.between(1, 12)));
                    break;
                default:
                    world.persist(dice.chance(0.9) ? ErrorCode::none
                                                   : ErrorCode::not_enough_replicas);
            }
            for (const std::uint64_t token : joins) {
                if (world.answered(token) && world.joined(token).error == ErrorCode::none) {
                    known[world.joined(token).member_id] = world.joined(token);
                }
            }
        }
        world.persist();
        world.pass(std::chrono::minutes(10));
        world.persist();
        world.pass(std::chrono::minutes(10));
        REQUIRE(world.answers.size() == world.token);
        REQUIRE((world.state() == "Empty" || world.state() == "Dead"));
    }
}
