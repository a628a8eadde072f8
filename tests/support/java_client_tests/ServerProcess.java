import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.server.ServerCnxn;
import org.apache.zookeeper.server.ServerCnxnFactory;
import org.apache.zookeeper.server.ZooKeeperServer;

/**
 * What ZooKeeper's tests take for their server: -Dzookeeper.serverCnxnFactory=ServerProcess. It starts -Dserver.binary with the data
 * folder, the port and the properties that a test has set; the ZooKeeperServer of the test stays idle.
 */
public class ServerProcess extends ServerCnxnFactory {
    private static final String PREFIX = "zookeeper.";

    private InetSocketAddress address;
    private int perHost;
    private int backlog;
    private Process process;

    @Override
    public void configure(InetSocketAddress addr, int maxcc, int listenBacklog, boolean secure) throws IOException {
        if (secure) {
            throw new IOException("no TLS");
        }
        address = addr;
        perHost = maxcc;
        backlog = listenBacklog;
    }

    @Override
    public void startup(ZooKeeperServer zks, boolean startServer) throws IOException, InterruptedException {
        setZooKeeperServer(zks);
        Path folder = Path.of(System.getProperty("server.folder"));
        Path config = Files.createTempFile(folder, "zoo", ".cfg");
        Files.write(config, settings(zks));
        process = new ProcessBuilder(System.getProperty("server.binary"), config.toString()).redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("server.log").toFile())).start();
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!accepts()) {
            if (System.nanoTime() > deadline) {
                throw new IOException("the server does not accept connections at " + address);
            }
            if (process.waitFor(5, TimeUnit.MILLISECONDS)) {
                throw new IOException("the server ended with " + process.exitValue());
            }
        }
    }

    private List<String> settings(ZooKeeperServer zks) {
        List<String> lines = new ArrayList<>();
        lines.add("dataDir=" + zks.getTxnLogFactory().getSnapDir().getParentFile());
        lines.add("dataLogDir=" + zks.getTxnLogFactory().getDataLogDir().getParentFile());
        lines.add("clientPort=" + address.getPort());
        if (!address.getAddress().isAnyLocalAddress()) {
            lines.add("clientPortAddress=" + address.getAddress().getHostAddress());
        }
        lines.add("tickTime=" + zks.getTickTime());
        lines.add("minSessionTimeout=" + zks.getMinSessionTimeout());
        lines.add("maxSessionTimeout=" + zks.getMaxSessionTimeout());
        lines.add("maxClientCnxns=" + perHost);
        for (String name : System.getProperties().stringPropertyNames()) {
            // Providers are classes of the tests.
            if (name.startsWith(PREFIX) && !name.startsWith(PREFIX + "authProvider.") && !name.equals(ZOOKEEPER_SERVER_CNXN_FACTORY)) {
                lines.add(name.substring(PREFIX.length()) + "=" + System.getProperty(name));
            } else if (name.equals("jute.maxbuffer") || name.equals("readonlymode.enabled")) {
                lines.add(name + "=" + System.getProperty(name));
            }
        }
        return lines;
    }

    private boolean accepts() {
        try (Socket probe = new Socket(
            address.getAddress().isAnyLocalAddress() ? "127.0.0.1" : address.getHostString(), address.getPort())) {
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void shutdown() {
        if (process != null) {
            process.destroy();
            try {
                if (!process.waitFor(20, TimeUnit.SECONDS)) {
                    process.destroyForcibly().waitFor();
                }
            } catch (InterruptedException e) {
                process.destroyForcibly();
            }
            process = null;
        }
    }

    @Override
    public int getLocalPort() {
        return address.getPort();
    }

    @Override
    public InetSocketAddress getLocalAddress() {
        return address;
    }

    @Override
    public Iterable<ServerCnxn> getConnections() {
        return cnxns;
    }

    @Override
    public void reconfigure(InetSocketAddress addr) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int getMaxClientCnxnsPerHost() {
        return perHost;
    }

    @Override
    public void setMaxClientCnxnsPerHost(int max) {
        perHost = max;
    }

    @Override
    public int getSocketListenBacklog() {
        return backlog;
    }

    @Override
    public void join() throws InterruptedException {
        process.waitFor();
    }

    @Override
    public void start() {}

    @Override
    public void closeAll(ServerCnxn.DisconnectReason reason) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void resetAllConnectionStats() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Iterable<Map<String, Object>> getAllConnectionInfo(boolean brief) {
        throw new UnsupportedOperationException();
    }
}
