import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.HashSet;
import java.util.Properties;
import java.util.Set;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.TestDescriptor;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs test classes; -Class#method leaves a method out. Prints each failure, a line for each class, and the counts. */
public class RunClientTests implements TestExecutionListener {
    private final Properties atStart = (Properties) System.getProperties().clone();
    private final Set<String> leftOut = new HashSet<>();
    private int passed;
    private int failed;
    private long began;

    public static void main(String[] arguments) {
        RunClientTests run = new RunClientTests();
        LauncherDiscoveryRequestBuilder request = LauncherDiscoveryRequestBuilder.request();
        for (String argument : arguments) {
            if (argument.startsWith("-")) {
                run.leftOut.add(argument.substring(1));
            } else {
                request.selectors(selectClass(argument));
            }
        }
        request.filters((PostDiscoveryFilter) test -> FilterResult.includedIf(!run.leavesOut(test)));
        LauncherFactory.create().execute(request.build(), run);
        System.out.println(run.passed + " passed, " + run.failed + " failed");
        // Some tests leave threads behind.
        Runtime.getRuntime().halt(run.failed == 0 && run.passed > 0 ? 0 : 1);
    }

    private boolean leavesOut(TestDescriptor test) {
        return test.getSource().filter(source -> source instanceof MethodSource).map(source -> (MethodSource) source)
            .filter(method -> leftOut.contains(method.getClassName() + "#" + method.getMethodName())).isPresent();
    }

    private static boolean isClass(TestIdentifier test) {
        return test.getSource().filter(source -> source instanceof ClassSource).isPresent();
    }

    @Override
    public void executionStarted(TestIdentifier test) {
        if (isClass(test)) {
            // Each class sees the properties as the JVM was started with them, as in a JVM of its own.
            System.setProperties((Properties) atStart.clone());
            began = System.nanoTime();
        }
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        if (result.getStatus() == TestExecutionResult.Status.FAILED) {
            failed++;
            System.out.println("FAILED: " + test.getUniqueId());
            result.getThrowable().ifPresent(RunClientTests::print);
        } else if (test.isTest()) {
            passed++;
        } else if (isClass(test)) {
            System.out.println("ran: " + test.getDisplayName() + " in " + (System.nanoTime() - began) / 1_000_000 + " ms");
        }
    }

    private static void print(Throwable thrown) {
        System.out.println("    " + thrown);
        for (StackTraceElement at : thrown.getStackTrace()) {
            if (at.getClassName().startsWith("org.apache.zookeeper")) {
                System.out.println("        " + at);
            }
        }
    }
}
