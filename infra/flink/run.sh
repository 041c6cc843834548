#!/usr/bin/env bash
# Runs `fairshard package` on a Flink cluster: run.sh FLINK_MASTER PACKAGE_OPTIONS…
#   FLINK_JOB_SERVER_JAR  the official beam-runners-flink-2.2-job-server-2.77.0.jar
#   POOL                  the pool beside each task manager (default localhost:50000)
#   PARALLELISM           slots to use (default 2)
set -euo pipefail

if [ $# -lt 2 ]; then
    sed -n '2,5s/^# //p' "$0" >&2
    exit 2
fi
if [ ! -f "${FLINK_JOB_SERVER_JAR:-}" ]; then
    echo "FLINK_JOB_SERVER_JAR=${FLINK_JOB_SERVER_JAR:-} is not a file; name the official job server's jar" >&2
    exit 2
fi
master=$1
shift
exec fairshard package "$@" \
    --beam=--runner=FlinkRunner \
    --beam=--flink_master="$master" \
    --beam=--flink_version=2.2 \
    --beam=--flink_job_server_jar="$FLINK_JOB_SERVER_JAR" \
    --beam=--parallelism="${PARALLELISM:-2}" \
    --beam=--environment_type=EXTERNAL \
    --beam=--environment_config="${POOL:-localhost:50000}"
