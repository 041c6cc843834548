#!/usr/bin/env bash
# Runs `fairshard package` on a Flink cluster: run.sh FLINK_MASTER PACKAGE_OPTIONS…
#   FLINK_JOB_SERVER_JAR  the official beam-runners-flink-2.2-job-server-2.77.0.jar
#   POOL                  the pool beside each task manager (default localhost:50000)
#   PARALLELISM           slots to use (default 2)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../job_server.sh"

package_on_cluster "$0" FLINK_JOB_SERVER_JAR \
    --runner=FlinkRunner \
    --flink_master=MASTER \
    --flink_version=2.2 \
    --flink_job_server_jar=JAR \
    --parallelism="${PARALLELISM:-2}" \
    -- "$@"
