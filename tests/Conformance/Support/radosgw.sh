#!/usr/bin/env bash
# A real S3 server for tests: Ceph's radosgw over one monitor and one OSD that keeps its objects in memory; loopback, no systemd, no cephx.
#   radosgw.sh start FOLDER PORT [PID]   ready when it returns; prints nothing but trouble. Takes PORT, PORT+1 and some of PORT+10..PORT+50.
#                                        With PID it stops by itself when that process ends.
#   radosgw.sh stop FOLDER               by the recorded process ids
# Debian: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common curl
set -Eeuo pipefail
verb=$1 folder=$2
access_key=test-access secret_key=test-secret

stop() {
  # The gateway first: it never ends once the others are gone.
  for name in client.rgw osd.0 mon.a; do
    [ -s "$folder/run/$name.pid" ] || continue
    pid=$(cat "$folder/run/$name.pid")
    kill "$pid" 2> /dev/null || true
    for _ in $(seq 20); do [ -d "/proc/$pid" ] || break; sleep 0.2; done
    if [ -d "/proc/$pid" ]; then kill -9 "$pid" 2> /dev/null || true; fi
    rm -f "$folder/run/$name.pid"
  done
}

trouble() {
  trap - ERR
  { echo "radosgw.sh: line $1 failed: $2"; tail -n 5 "$folder"/*.out "$folder"/*.log; } >&2 || true
  stop
}

await() { # await SECONDS COMMAND...: until it succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then echo "radosgw.sh: gave up waiting for: $*" >&2; return 1; fi
    sleep 0.3
  done
}

start() {
  local port=$1 parent=${2:-} fsid osd
  rm -rf "$folder"
  mkdir -p "$folder"/{mon,osd0,run,rgw}
  cd "$folder"
  trap 'trouble $LINENO "$BASH_COMMAND"' ERR
  fsid=$(cat /proc/sys/kernel/random/uuid)
  cat > ceph.conf << CONF
[global]
fsid=$fsid
mon_host=v1:127.0.0.1:$((port + 1))
ms_bind_msgr2=false
public_addr=127.0.0.1
cluster_addr=127.0.0.1
ms_bind_port_min=$((port + 10))
ms_bind_port_max=$((port + 50))
auth_cluster_required=none
auth_service_required=none
auth_client_required=none
mon_data=$folder/mon
osd_data=$folder/osd\$id
log_file=$folder/\$name.log
admin_socket=$folder/run/\$name.\$pid.asok
pid_file=$folder/run/\$name.pid
run_dir=$folder/run
osd_objectstore=memstore
memstore_device_bytes=2147483648
osd_pool_default_size=1
osd_pool_default_min_size=1
osd_pool_default_pg_num=8
osd_pool_default_pg_autoscale_mode=off
mon_allow_pool_size_one=true
mon_max_pg_per_osd=2000
osd_crush_chooseleaf_type=0
[client.rgw]
rgw_data=$folder/rgw
# Without tcp_nodelay each answer with a body waits 40 ms.
rgw_frontends=beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw_dns_name=127.0.0.1
rgw_enable_usage_log=false
rgw_enable_ops_log=false
rgw_run_sync_thread=false
CONF
  local conf=(-c "$folder/ceph.conf")
  monmaptool --create --clobber --fsid "$fsid" --addv a "[v1:127.0.0.1:$((port + 1))]" monmap > /dev/null
  ceph-mon "${conf[@]}" -i a --mkfs --monmap monmap > mon.out 2>&1
  await 20 ceph-mon "${conf[@]}" -i a
  osd=$(cat /proc/sys/kernel/random/uuid) # the same for both, or the OSD never leaves "booting"
  await 60 timeout 10 ceph "${conf[@]}" osd new "$osd"
  ceph-osd "${conf[@]}" -i 0 --osd-uuid "$osd" --mkfs > osd.out 2>&1
  await 30 ceph-osd "${conf[@]}" -i 0 # "wrong fsid" when it asks the monitor before it has heard which cluster it is in
  await 60 bash -c "timeout 10 ceph -c '$folder/ceph.conf' osd stat | grep -q ' 1 up'"
  radosgw "${conf[@]}" -n client.rgw > rgw.out 2>&1
  timeout 120 radosgw-admin "${conf[@]}" -n client.rgw user create --uid=test --display-name=test --access-key=$access_key --secret-key=$secret_key > user.out 2>&1
  await 60 curl -fs "http://127.0.0.1:$port/"
  if [ -n "$parent" ]; then
    (while [ -d "/proc/$parent" ] && [ -d "$folder" ]; do sleep 1; done; stop; rm -rf "$folder") > /dev/null 2>&1 < /dev/null &
  fi
}

case "$verb" in
  start) start "$3" "${4:-}" ;;
  stop) stop; rm -rf "$folder" ;;
  *) echo "radosgw.sh: start FOLDER PORT [PID] | stop FOLDER" >&2; exit 2 ;;
esac
