import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Runs main methods of Java's tools one after the other in one JVM, which costs a start of the JVM once instead of for each.
 *
 * A request on standard input is a count and as many strings: the class, its standard input, its arguments; a string is a
 * length and UTF-8. The answer on standard output is the exit code, then standard output and standard error as strings.
 * Numbers are 32-bit, big-endian.
 */
public final class CliJavaTools {
    private static final int SECONDS = 60;
    private static final Target OUT = new Target();
    private static final Target ERR = new Target();
    private static volatile CompletableFuture<Integer> ended = new CompletableFuture<>();

    /** Classes may keep the stream that they found at first; where it leads changes with every command. */
    private static final class Target extends OutputStream {
        private ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        @Override
        public synchronized void write(int b) {
            bytes.write(b);
        }

        @Override
        public synchronized void write(byte[] from, int offset, int length) {
            bytes.write(from, offset, length);
        }

        synchronized byte[] take() {
            byte[] taken = bytes.toByteArray();
            bytes = new ByteArrayOutputStream();
            return taken;
        }
    }

    /** A tool that ends the process tells its code and goes no further. */
    private static void end(int code) {
        ended.complete(code);
        while (true) {
            try {
                Thread.sleep(Long.MAX_VALUE);
            } catch (InterruptedException ignored) {
                // Stays.
            }
        }
    }

    private static void catchExits() throws ReflectiveOperationException {
        try {
            Class<?> exit = Class.forName("org.apache.kafka.common.utils.Exit");
            Class<?> procedure = Class.forName("org.apache.kafka.common.utils.Exit$Procedure");
            Object ours = Proxy.newProxyInstance(procedure.getClassLoader(), new Class<?>[] {procedure}, (self, method, words) -> {
                end((Integer) words[0]);
                return null;
            });
            exit.getMethod("setExitProcedure", procedure).invoke(null, ours);
            exit.getMethod("setHaltProcedure", procedure).invoke(null, ours);
        } catch (ClassNotFoundException absent) {
            // Not Kafka's class path.
        }
        try {
            Method set = Class.forName("org.apache.zookeeper.util.ServiceUtils").getMethod("setSystemExitProcedure", Consumer.class);
            Consumer<Integer> ours = CliJavaTools::end;
            set.invoke(null, ours);
        } catch (ClassNotFoundException absent) {
            // Not ZooKeeper's class path.
        }
    }

    private static int run(String name, String[] words) throws Exception {
        CompletableFuture<Integer> code = new CompletableFuture<>();
        ended = code;
        Method main = Class.forName(name).getMethod("main", String[].class);
        Thread thread = new Thread(() -> {
            try {
                main.invoke(null, (Object) words);
                code.complete(0);
            } catch (Throwable thrown) {
                (thrown.getCause() == null ? thrown : thrown.getCause()).printStackTrace();
                code.complete(1);
            }
        });
        thread.setDaemon(true);
        thread.start();
        return code.get(SECONDS, TimeUnit.SECONDS);
    }

    private static String read(DataInputStream from) throws IOException {
        return new String(from.readNBytes(from.readInt()), "UTF-8");
    }

    private static void write(DataOutputStream to, byte[] bytes) throws IOException {
        to.writeInt(bytes.length);
        to.write(bytes);
    }

    public static void main(String[] unused) throws Exception {
        DataInputStream requests = new DataInputStream(System.in);
        DataOutputStream answers = new DataOutputStream(System.out);
        System.setOut(new PrintStream(OUT, true, "UTF-8"));
        System.setErr(new PrintStream(ERR, true, "UTF-8"));
        catchExits();
        while (true) {
            String[] words;
            try {
                words = new String[requests.readInt()];
            } catch (EOFException over) {
                Runtime.getRuntime().halt(0);
                return;
            }
            for (int i = 0; i < words.length; i++) {
                words[i] = read(requests);
            }
            InputStream input = new ByteArrayInputStream(words[1].getBytes("UTF-8"));
            System.setIn(input);
            int code = run(words[0], Arrays.copyOfRange(words, 2, words.length));
            System.out.flush();
            System.err.flush();
            answers.writeInt(code);
            write(answers, OUT.take());
            write(answers, ERR.take());
            answers.flush();
        }
    }
}
