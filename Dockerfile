# syntax=docker/dockerfile:1

# riffle in an image that holds nothing else: no shell, no libc, no package.
#
#   docker build -t riffle .
#   docker run --rm -p 8080:8080 riffle
#   docker buildx build --platform linux/amd64,linux/arm64 -t NAME --push .
#
# Go compiles for either processor on whichever builds, so nothing is emulated.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/riffle ./cmd/riffle

FROM scratch
COPY --from=build /out/riffle /riffle
COPY --from=build /src/LICENSE /src/NOTICE /
# A number, so that orchestrators can see that it is not root.
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --start-interval=1s \
    CMD ["/riffle", "health"]
ENTRYPOINT ["/riffle"]
CMD ["serve"]
