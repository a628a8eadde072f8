// What programs written with Apache Curator ask of a ZooKeeper server: one line for each check, exit code 1 when one failed.
// Usage: java -cp JARS CuratorCheck.java host:port
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.CuratorEvent;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.data.Stat;

public final class CuratorCheck {
    private static final int WAIT_SECONDS = 15;
    private static int failed = 0;

    private interface Check {
        void run(CuratorFramework client) throws Exception;
    }

    private final String address;

    private CuratorCheck(String address) {
        this.address = address;
    }

    public static void main(String[] arguments) throws Exception {
        CuratorCheck self = new CuratorCheck(arguments[0]);
        self.check("create with parents, default data and modes", CuratorCheck::create);
        self.check("read and write with stat and version", CuratorCheck::readAndWrite);
        self.check("delete, guaranteed and with children", CuratorCheck::delete);
        self.check("calls in the background", CuratorCheck::background);
        self.check("a transaction is all or nothing", CuratorCheck::transaction);
        self.check("a namespace is a chroot", CuratorCheck::namespace);
        self.check("NodeCache", CuratorCheck::nodeCache);
        self.check("PathChildrenCache", CuratorCheck::pathChildrenCache);
        self.check("TreeCache", CuratorCheck::treeCache);
        self.check("CuratorCache", CuratorCheck::curatorCache);
        self.check("InterProcessMutex under contention", self::mutex);
        self.check("semaphores, read-write and multi locks", self::locks);
        self.check("LeaderLatch hands over", self::leaderLatch);
        self.check("counters", CuratorCheck::counters);
        self.check("a double barrier", self::barrier);
        self.check("a persistent node comes back", CuratorCheck::persistentNode);
        System.exit(failed == 0 ? 0 : 1);
    }

    private void check(String name, Check body) {
        try (CuratorFramework client = connect("check")) {
            body.run(client);
            System.out.println("ok: Curator, " + name);
        } catch (Throwable error) {
            failed += 1;
            System.out.println("FAILED: Curator, " + name + ": " + error);
            error.printStackTrace(System.out);
        }
    }

    private CuratorFramework connect(String namespace) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.builder().connectString(address).sessionTimeoutMs(60000)
                .connectionTimeoutMs(15000).retryPolicy(new ExponentialBackoffRetry(100, 5)).namespace(namespace).build();
        client.start();
        return client;
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    private static void await(Callable<Boolean> condition, String what) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (!condition.call()) {
            require(System.nanoTime() < deadline, what);
            Thread.sleep(5);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] data) {
        return new String(data, StandardCharsets.UTF_8);
    }

    private static void create(CuratorFramework client) throws Exception {
        client.create().creatingParentsIfNeeded().forPath("/create/a/b/c");
        require(client.getData().forPath("/create/a/b/c").length > 0, "the default data is the client's address");
        client.create().creatingParentContainersIfNeeded().withMode(CreateMode.EPHEMERAL).forPath("/create/box/e", bytes("x"));
        String path = client.create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath("/create/s-");
        require(path.startsWith("/create/s-00"), path);
        path = client.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/create/p-");
        require(path.startsWith("/create/_c_"), path);
        client.create().withTtl(600000).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath("/create/ttl");
        Stat stat = new Stat();
        client.create().storingStatIn(stat).forPath("/create/stat", bytes("12345"));
        require(stat.getDataLength() == 5, "the stat of a creation");
        require(client.create().orSetData().forPath("/create/stat", bytes("1")).equals("/create/stat"), "orSetData");
        client.create().forPath("/create/twice", bytes("1"));
        require(client.create().idempotent().forPath("/create/twice", bytes("1")).equals("/create/twice"), "idempotent");
        try {
            client.create().forPath("/create/stat");
            require(false, "a node was created twice");
        } catch (KeeperException.NodeExistsException expected) {
            require(expected.getPath().endsWith("/create/stat"), "the path of the error");
        }
    }

    private static void readAndWrite(CuratorFramework client) throws Exception {
        client.create().creatingParentsIfNeeded().forPath("/rw/a", bytes("1"));
        Stat stat = new Stat();
        require(text(client.getData().storingStatIn(stat).forPath("/rw/a")).equals("1"), "data");
        client.setData().withVersion(stat.getVersion()).forPath("/rw/a", bytes("2"));
        try {
            client.setData().withVersion(stat.getVersion()).forPath("/rw/a", bytes("3"));
            require(false, "a stale version was accepted");
        } catch (KeeperException.BadVersionException expected) {
            require(text(client.getData().forPath("/rw/a")).equals("2"), "data after a refused write");
        }
        require(client.getChildren().storingStatIn(stat).forPath("/rw").equals(List.of("a")), "children");
        require(stat.getNumChildren() == 1, "number of children");
        byte[] large = new byte[1000000];
        client.create().forPath("/rw/large", large);
        require(client.getData().forPath("/rw/large").length == large.length, "1 MB");
        client.setData().compressed().forPath("/rw/large", large);
        require(client.getData().decompressed().forPath("/rw/large").length == large.length, "compressed data");
        client.sync().forPath("/rw");
        require(client.getACL().forPath("/rw").size() == 1, "ACL");
    }

    private static void delete(CuratorFramework client) throws Exception {
        client.create().creatingParentsIfNeeded().forPath("/del/a/b");
        try {
            client.delete().forPath("/del/a");
            require(false, "a node with children was deleted");
        } catch (KeeperException.NotEmptyException expected) {
            require(client.checkExists().forPath("/del/a/b") != null, "the child is there");
        }
        client.delete().guaranteed().deletingChildrenIfNeeded().forPath("/del/a");
        client.delete().quietly().forPath("/del/a");
        require(client.checkExists().forPath("/del/a") == null, "deleted");
    }

    private static void background(CuratorFramework client) throws Exception {
        BlockingQueue<CuratorEvent> events = new LinkedBlockingQueue<>();
        client.create().creatingParentsIfNeeded().inBackground((c, event) -> events.add(event), "context").forPath("/bg/a");
        CuratorEvent event = events.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        require(event != null && event.getResultCode() == 0 && "context".equals(event.getContext()), "a creation");
        client.getData().inBackground((c, e) -> events.add(e)).forPath("/bg/none");
        event = events.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        require(event != null && event.getResultCode() == KeeperException.Code.NONODE.intValue(), "an error");
        int count = 2000;
        CountDownLatch done = new CountDownLatch(count);
        for (int i = 0; i < count; i++) {
            client.create().inBackground((c, e) -> done.countDown()).forPath("/bg/a/" + i, bytes("x"));
        }
        require(done.await(WAIT_SECONDS, TimeUnit.SECONDS), "answers are missing: " + done.getCount());
        require(client.getChildren().forPath("/bg/a").size() == count, "children");
    }

    private static void transaction(CuratorFramework client) throws Exception {
        client.create().forPath("/tx", bytes("0"));
        List<CuratorTransactionResult> results = client.transaction().forOperations(
                client.transactionOp().check().withVersion(0).forPath("/tx"),
                client.transactionOp().create().forPath("/tx/a", bytes("a")),
                client.transactionOp().setData().forPath("/tx", bytes("1")),
                client.transactionOp().delete().forPath("/tx/a"));
        require(results.size() == 4 && results.get(1).getForPath().equals("/tx/a"), "results");
        try {
            client.transaction().forOperations(client.transactionOp().create().forPath("/tx/b"),
                    client.transactionOp().check().withVersion(0).forPath("/tx"));
            require(false, "a failed check was passed over");
        } catch (KeeperException.BadVersionException expected) {
            require(expected.getResults().size() == 2, "results of a failed transaction");
        }
        require(client.checkExists().forPath("/tx/b") == null, "half a transaction");
    }

    private static void namespace(CuratorFramework client) throws Exception {
        client.create().creatingParentsIfNeeded().forPath("/ns/a");
        require(client.usingNamespace(null).checkExists().forPath("/check/ns/a") != null, "the full path");
    }

    private static void nodeCache(CuratorFramework client) throws Exception {
        AtomicInteger changes = new AtomicInteger();
        try (NodeCache cache = new NodeCache(client, "/nodecache")) {
            cache.getListenable().addListener(changes::incrementAndGet);
            cache.start(true);
            client.create().forPath("/nodecache", bytes("1"));
            await(() -> changes.get() == 1 && text(cache.getCurrentData().getData()).equals("1"), "created");
            client.setData().forPath("/nodecache", bytes("2"));
            await(() -> changes.get() == 2 && text(cache.getCurrentData().getData()).equals("2"), "changed");
            client.delete().forPath("/nodecache");
            await(() -> changes.get() == 3 && cache.getCurrentData() == null, "deleted");
        }
    }

    private static void pathChildrenCache(CuratorFramework client) throws Exception {
        List<String> events = Collections.synchronizedList(new ArrayList<>());
        client.create().forPath("/pcc");
        try (PathChildrenCache cache = new PathChildrenCache(client, "/pcc", true)) {
            cache.getListenable().addListener((c, event) -> events.add(event.getType().toString()));
            cache.start(PathChildrenCache.StartMode.POST_INITIALIZED_EVENT);
            await(() -> events.equals(List.of("INITIALIZED")), "initialized");
            client.create().forPath("/pcc/a", bytes("1"));
            await(() -> events.size() == 2, "added");
            client.setData().forPath("/pcc/a", bytes("2"));
            await(() -> events.size() == 3, "updated");
            client.delete().forPath("/pcc/a");
            await(() -> events.equals(List.of("INITIALIZED", "CHILD_ADDED", "CHILD_UPDATED", "CHILD_REMOVED")), "removed");
        }
    }

    private static void treeCache(CuratorFramework client) throws Exception {
        List<String> events = Collections.synchronizedList(new ArrayList<>());
        client.create().creatingParentsIfNeeded().forPath("/tc/a/b", bytes("1"));
        try (TreeCache cache = new TreeCache(client, "/tc")) {
            cache.getListenable().addListener((c, event) -> events.add(event.getType().toString()));
            cache.start();
            await(() -> events.contains("INITIALIZED"), "initialized");
            client.setData().forPath("/tc/a/b", bytes("2"));
            await(() -> events.contains("NODE_UPDATED"), "updated");
            client.create().forPath("/tc/a/c");
            await(() -> cache.getCurrentChildren("/tc/a").size() == 2, "added");
            client.delete().forPath("/tc/a/b");
            await(() -> events.contains("NODE_REMOVED"), "removed");
        }
    }

    private static void curatorCache(CuratorFramework client) throws Exception {
        List<String> events = Collections.synchronizedList(new ArrayList<>());
        client.create().creatingParentsIfNeeded().forPath("/cc/a/b", bytes("1"));
        try (CuratorCache cache = CuratorCache.build(client, "/cc")) {
            CountDownLatch initialized = new CountDownLatch(1);
            cache.listenable().addListener(CuratorCacheListener.builder().forInitialized(initialized::countDown)
                    .forCreates(node -> events.add("+" + node.getPath()))
                    .forChanges((before, after) -> events.add("=" + after.getPath()))
                    .forDeletes(node -> events.add("-" + node.getPath())).build());
            cache.start();
            require(initialized.await(WAIT_SECONDS, TimeUnit.SECONDS), "initialized");
            events.clear();
            client.create().forPath("/cc/a/c");
            await(() -> events.contains("+/cc/a/c"), "created");
            client.setData().forPath("/cc/a/b", bytes("2"));
            await(() -> events.contains("=/cc/a/b"), "changed");
            client.delete().forPath("/cc/a/c");
            await(() -> events.contains("-/cc/a/c"), "deleted");
        }
    }

    private void mutex(CuratorFramework client) throws Exception {
        int clients = 4;
        int rounds = 10;
        AtomicInteger inside = new AtomicInteger();
        ExecutorService pool = Executors.newFixedThreadPool(clients);
        List<Future<Void>> workers = new ArrayList<>();
        for (int i = 0; i < clients; i++) {
            workers.add(pool.submit(() -> {
                try (CuratorFramework own = connect("check")) {
                    InterProcessMutex lock = new InterProcessMutex(own, "/mutex");
                    for (int round = 0; round < rounds; round++) {
                        require(lock.acquire(WAIT_SECONDS, TimeUnit.SECONDS), "the lock is never free");
                        require(inside.incrementAndGet() == 1, "two hold the lock");
                        lock.acquire();
                        lock.release();
                        inside.decrementAndGet();
                        lock.release();
                    }
                }
                return null;
            }));
        }
        for (Future<Void> worker : workers) {
            worker.get();
        }
        pool.shutdown();
        require(client.getChildren().forPath("/mutex").isEmpty(), "nodes of the lock are left");
    }

    private void locks(CuratorFramework client) throws Exception {
        try (CuratorFramework other = connect("check")) {
            InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, "/semaphore", 2);
            InterProcessSemaphoreV2 rival = new InterProcessSemaphoreV2(other, "/semaphore", 2);
            Lease first = semaphore.acquire(WAIT_SECONDS, TimeUnit.SECONDS);
            Lease second = rival.acquire(WAIT_SECONDS, TimeUnit.SECONDS);
            require(first != null && second != null && rival.acquire(50, TimeUnit.MILLISECONDS) == null, "three leases of two");
            semaphore.returnLease(first);
            require(rival.acquire(WAIT_SECONDS, TimeUnit.SECONDS) != null, "a lease came back");
            InterProcessReadWriteLock mine = new InterProcessReadWriteLock(client, "/rwlock");
            InterProcessReadWriteLock theirs = new InterProcessReadWriteLock(other, "/rwlock");
            mine.readLock().acquire();
            require(theirs.readLock().acquire(WAIT_SECONDS, TimeUnit.SECONDS), "two readers");
            theirs.readLock().release();
            require(!theirs.writeLock().acquire(50, TimeUnit.MILLISECONDS), "a writer beside a reader");
            mine.readLock().release();
            require(theirs.writeLock().acquire(WAIT_SECONDS, TimeUnit.SECONDS), "a writer alone");
            theirs.writeLock().release();
            InterProcessLock notReentrant = new InterProcessSemaphoreMutex(client, "/smutex");
            InterProcessLock all = new InterProcessMultiLock(List.of(notReentrant, new InterProcessMutex(client, "/m2")));
            require(all.acquire(WAIT_SECONDS, TimeUnit.SECONDS), "several locks at once");
            require(!new InterProcessMutex(other, "/m2").acquire(50, TimeUnit.MILLISECONDS), "one of several is free");
            all.release();
        }
    }

    private void leaderLatch(CuratorFramework client) throws Exception {
        try (CuratorFramework other = connect("check")) {
            LeaderLatch first = new LeaderLatch(client, "/leader", "first");
            first.start();
            require(first.await(WAIT_SECONDS, TimeUnit.SECONDS), "nobody leads");
            LeaderLatch second = new LeaderLatch(other, "/leader", "second");
            second.start();
            await(() -> first.getParticipants().size() == 2, "two take part");
            require(!second.hasLeadership() && second.getLeader().getId().equals("first"), "two lead");
            first.close();
            require(second.await(WAIT_SECONDS, TimeUnit.SECONDS), "the second never leads");
            second.close();
        }
    }

    private static void counters(CuratorFramework client) throws Exception {
        DistributedAtomicLong number = new DistributedAtomicLong(client, "/atomic", new ExponentialBackoffRetry(10, 5));
        for (int i = 0; i < 20; i++) {
            require(number.increment().succeeded(), "increment");
        }
        require(number.get().postValue() == 20, "the sum");
        try (SharedCount count = new SharedCount(client, "/shared", 3)) {
            count.start();
            require(count.trySetCount(count.getVersionedValue(), 4) && count.getCount() == 4, "a shared count");
        }
    }

    private void barrier(CuratorFramework client) throws Exception {
        int members = 3;
        ExecutorService pool = Executors.newFixedThreadPool(members);
        List<Future<Void>> workers = new ArrayList<>();
        for (int i = 0; i < members; i++) {
            workers.add(pool.submit(() -> {
                try (CuratorFramework own = connect("check")) {
                    DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(own, "/barrier", members);
                    require(barrier.enter(WAIT_SECONDS, TimeUnit.SECONDS), "enter");
                    require(barrier.leave(WAIT_SECONDS, TimeUnit.SECONDS), "leave");
                }
                return null;
            }));
        }
        for (Future<Void> worker : workers) {
            worker.get();
        }
        pool.shutdown();
    }

    private static void persistentNode(CuratorFramework client) throws Exception {
        try (PersistentNode node = new PersistentNode(client, CreateMode.EPHEMERAL, false, "/persistent", bytes("x"))) {
            node.start();
            require(node.waitForInitialCreate(WAIT_SECONDS, TimeUnit.SECONDS), "created");
            client.delete().forPath("/persistent");
            await(() -> client.checkExists().forPath("/persistent") != null, "it stays away");
        }
        await(() -> client.checkExists().forPath("/persistent") == null, "it stays after close");
    }
}
