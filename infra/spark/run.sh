#!/usr/bin/env bash
# Runs `fairshard package` on a Spark cluster: run.sh SPARK_MASTER_URL PACKAGE_OPTIONS…
#   SPARK_JOB_SERVER_JAR  the official beam-runners-spark-3-job-server-2.77.0.jar
#   POOL                  the pool beside each executor (default localhost:50000)
set -euo pipefail

if [ $# -lt 2 ]; then
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
fi
if [ ! -f "${SPARK_JOB_SERVER_JAR:-}" ]; then
    echo "SPARK_JOB_SERVER_JAR=${SPARK_JOB_SERVER_JAR:-} is not a file; name the official job server's jar" >&2
    exit 2
fi
master=$1
shift
exec fairshard package "$@" \
    --beam=--runner=SparkRunner \
    --beam=--spark_master_url="$master" \
    --beam=--spark_job_server_jar="$SPARK_JOB_SERVER_JAR" \
    --beam=--environment_type=EXTERNAL \
    --beam=--environment_config="${POOL:-localhost:50000}"
