# Two stages: the first builds a static binary, the second holds nothing else.
# The commands of the first are plain shell, so that they can be run by hand
# where there is no Docker (.ci/run does).
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/tollgate ./cmd/tollgate
# scratch has neither accounts, nor certificate roots, nor a writable place.
RUN mkdir -p /out/etc/ssl/certs /out/data \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
 && echo 'tollgate:x:65532:65532::/:/sbin/nologin' > /out/etc/passwd \
 && chown -R 65532:65532 /out/data

FROM scratch
COPY --from=build /out/ /
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080 9090
# A scratch image has no curl: the binary asks itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/tollgate", "healthcheck"]
ENTRYPOINT ["/tollgate"]
CMD ["serve", "-c", "/etc/tollgate/tollgate.yaml"]
