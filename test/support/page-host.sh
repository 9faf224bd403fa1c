# Sourced by the hidden setup of pages about hosts, with a port: a server in data/, its admin signed in, and the agent of this
# engine as gpu-box-1, whose builds go with the folder. `app/` is something to build without a registry.
agora server -d data --listen "127.0.0.1:$1" >token.txt 2>server.log &
until grep -q 'agora host ls' server.log; do sleep 0.1; done
agora login "http://127.0.0.1:$1" --token-file token.txt
agora agent -b "$PWD" -S "http://127.0.0.1:$1" -D gpu-box-1 --engine "$DOCKER_HOST" --join-token-file data/join-token >agent.log 2>&1 &
until agora host ls | grep -q '^gpu-box-1.*online.*up, '; do sleep 0.2; done
mkdir -p app
cp /bin/busybox app/busybox
cat >app/Dockerfile <<'END'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
WORKDIR /srv
RUN echo hello >index.html
CMD ["sh", "-c", "trap 'exit 0' TERM; httpd -f -p 8080 & wait"]
END
