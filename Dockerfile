# One image with all binaries: the build stage compiles from Debian packages, the image holds the binaries and exactly the
# libraries they load. No shell, read-only root, numeric user.
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS build
WORKDIR /src
COPY scripts/packages.txt scripts/install_packages.sh scripts/
RUN scripts/install_packages.sh build
COPY . .
RUN scripts/build.sh release "$(nproc)" binaries && scripts/image_root.sh build/release/bin /image

FROM scratch
COPY --from=build /image /
USER 10001:10001
WORKDIR /var/lib/millrace
ENV PATH=/usr/bin
CMD ["millrace", "--help"]
