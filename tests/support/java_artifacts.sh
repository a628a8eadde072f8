#!/usr/bin/env bash
# java_artifacts.sh zookeeper|zookeeper-tests|kafka|curator: prints the folder with the jars of the Java server, of ZooKeeper's own
# tests, or of the Curator library, and of what it needs at run time.
# Fetched with Maven on the first call and kept in ${MILLRACE_CACHE:-$HOME/.cache/millrace}/java; one folder for each version.
# ZOOKEEPER_VERSION, KAFKA_VERSION and CURATOR_VERSION choose another one. Exit 77 (skipped) without a JDK or Maven.
set -euo pipefail

product=${1:?usage: java_artifacts.sh zookeeper|zookeeper-tests|kafka|curator}
cache=${MILLRACE_CACHE:-$HOME/.cache/millrace}/java
case $product in
  zookeeper | zookeeper-tests) version=${ZOOKEEPER_VERSION:-3.9.5} ;;
  kafka) version=${KAFKA_VERSION:-3.9.2} ;;
  curator) version=${CURATOR_VERSION:-5.7.1} ;;
  *) echo "java_artifacts.sh: no product named $product" >&2; exit 2 ;;
esac
jars=$cache/$product-$version
[ -e "$jars/.complete" ] && { echo "$jars"; exit 0; }
for tool in java mvn flock; do
  command -v "$tool" >/dev/null || { echo "java_artifacts.sh: $tool is not installed" >&2; exit 77; }
done

# Two tests that start together fetch once.
mkdir -p "$cache"
exec 8>"$cache/$product-$version.lock"
flock 8
[ -e "$jars/.complete" ] && { echo "$jars"; exit 0; }

# ZooKeeper's artifact leaves out what only its server and its tools use: logging, metrics, snappy, the command lines, jetty.
artifacts_of() {
  case $1 in
    zookeeper)
      echo "org.apache.zookeeper:zookeeper:$version"
      echo "ch.qos.logback:logback-classic:1.3.15"
      echo "io.dropwizard.metrics:metrics-core:4.1.12.1"
      echo "org.xerial.snappy:snappy-java:1.1.10.5"
      echo "commons-cli:commons-cli:1.5.0"
      echo "jline:jline:2.14.6"
      echo "org.eclipse.jetty:jetty-server:9.4.56.v20240826"
      echo "org.eclipse.jetty:jetty-servlet:9.4.56.v20240826"
      echo "com.fasterxml.jackson.core:jackson-databind:2.15.2"
      ;;
    zookeeper-tests)
      artifacts_of zookeeper
      echo "org.apache.zookeeper:zookeeper:$version:test-jar"
      echo "org.junit.platform:junit-platform-launcher:1.6.2"
      echo "org.junit.jupiter:junit-jupiter:5.6.2"
      echo "junit:junit:4.13.2"
      echo "org.mockito:mockito-core:4.9.0"
      echo "org.hamcrest:hamcrest-library:2.2"
      ;;
    kafka)
      echo "org.apache.kafka:kafka_2.13:$version"
      echo "org.apache.kafka:kafka-tools:$version"
      echo "org.slf4j:slf4j-reload4j:1.7.36"
      ;;
    curator)
      echo "org.apache.curator:curator-recipes:$version"
      echo "org.slf4j:slf4j-nop:1.7.36"
      ;;
  esac
}

project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT
{
  echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
  echo "<groupId>millrace</groupId><artifactId>$product-run-time</artifactId><version>1</version><dependencies>"
  artifacts_of "$product" | while IFS=: read -r group artifact of type; do
    echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$of</version><type>${type:-jar}</type></dependency>"
  done
  echo '</dependencies></project>'
} >"$project/pom.xml"

rm -rf "$jars"
mkdir -p "$jars"
(cd "$project" && mvn -q -B dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$jars") >&2
touch "$jars/.complete"
echo "$jars"
