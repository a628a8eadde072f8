#!/usr/bin/env bash
# Starts the quickstart under the operator in local mode, sends the lines of a text file through it, reads them back and
# compares. On a terminal it then stays until Ctrl-C; otherwise it shuts down. Usage: scripts/run.sh BIN_DIRECTORY [DIRECTORY]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(cd "$1" && pwd)
dir=${2:-build/run}
topic=demo
lines=examples/demo.txt
patience_s=60

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
echo "Everything this run writes lies in $dir"
rm -f "$dir/api-server.url"
"$bin/millrace-operator" --local "$dir" --apply examples/quickstart.yaml 2>"$dir/operator.log" &
operator=$!
finish() {
  kill -TERM "$operator" 2>/dev/null || true
  wait "$operator" || { echo "run.sh: the operator ended with $?; see $dir/operator.log" >&2; exit 1; }
}
trap 'finish; exit 130' INT TERM

die() {
  echo "run.sh: $*" >&2
  tail -n 15 "$dir/operator.log" >&2
  kill -TERM "$operator" 2>/dev/null || true
  wait "$operator" || true
  exit 1
}

# get PATH: one object of the API as JSON, or nothing.
get() {
  local url host port
  url=$(<"$dir/api-server.url")
  host=${url#http://} port=${host##*:} host=${host%%:*}
  exec 3<>"/dev/tcp/$host/$port" || return 0
  printf 'GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\nConnection: close\r\n\r\n' "$1" "$host" >&3
  cat <&3
  exec 3>&-
}
field() { grep -oE "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

began=$EPOCHREALTIME
seconds() { awk -v a="$EPOCHREALTIME" -v b="$began" 'BEGIN { printf "%.1f s", a - b }'; }
wait_ready() { # KIND PLURAL NAME
  local path=/apis/millrace.dev/v1alpha1/namespaces/default/$2/$3 object='' deadline=$((SECONDS + patience_s))
  while ((SECONDS < deadline)); do
    kill -0 "$operator" 2>/dev/null || die "the operator ended"
    if [ -s "$dir/api-server.url" ]; then
      object=$(get "$path" 2>/dev/null || true)
      if grep -qE '"status":"True","type":"Ready"' <<<"$object"; then
        printf '  %-20s %-8s Ready after %s\n' "$1" "$3" "$(seconds)"
        return
      fi
    fi
    sleep 0.1
  done
  die "$1 $3 is not Ready after ${patience_s} s: $(grep -oE '"message":"[^"]*"' <<<"$object" | tail -n 1)"
}

echo "Waiting for the resources of examples/quickstart.yaml"
wait_ready CoordinatorEnsemble coordinatorensembles zoo
wait_ready BrokerPool brokerpools brokers
wait_ready KafkaCluster kafkaclusters demo
wait_ready KafkaTopic kafkatopics "$topic"

base=/apis/millrace.dev/v1alpha1/namespaces/default
bootstrap=$(get "$base/kafkaclusters/demo" | field bootstrap)
coordinator=$(get "$base/coordinatorensembles/zoo" | field clientEndpoint)
count=$(wc -l <"$lines")
"$bin/kafka-console-producer.sh" --bootstrap-server "$bootstrap" --topic "$topic" <"$lines" || die "the producer failed"
"$bin/kafka-console-consumer.sh" --bootstrap-server "$bootstrap" --topic "$topic" --from-beginning --max-messages "$count" \
  --timeout-ms 20000 >"$dir/received.txt" 2>"$dir/consumer.log" || die "the consumer failed: $(cat "$dir/consumer.log")"
# Six partitions keep no order among each other.
cmp -s <(sort "$lines") <(sort "$dir/received.txt") || die "the lines read back differ from $lines; see $dir/received.txt"
echo "Sent and read back $count lines of $lines"

cat <<TEXT

  Kafka        $bootstrap
  ZooKeeper    $coordinator
  Kubernetes   $(<"$dir/api-server.url")

Try:
  kcat -b ${bootstrap%%,*} -L
  $bin/kafka-topics.sh --bootstrap-server ${bootstrap%%,*} --describe
  kubectl --server $(<"$dir/api-server.url") get millrace
TEXT
if [ -t 0 ] && [ -t 1 ]; then
  echo "Running until Ctrl-C"
  wait "$operator" || true
else
  finish
  echo "Stopped in order"
fi
