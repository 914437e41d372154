# The service in a small image without a shell, run by a user without rights.
#   docker build -t lookup .
#   docker run --rm -v lookup-data:/data lookup init --data /data
#   docker run --network host -v lookup-data:/data lookup
# Without a certificate the service listens on loopback only, hence the host's network; docs/operate/deploy.md has the rest.
# Exact versions, not digests: docs/design/dependencies.md says why. Raise both tags together.
FROM mcr.microsoft.com/dotnet/sdk:10.0.401-noble AS build
WORKDIR /source
# .dockerignore says what there is to copy.
COPY . .
# .ci/run runs this same line on the same files.
RUN dotnet publish src/Lookup.Cli -c Release -p:RestoreLockedMode=true -o /app
# Made here, since the final image has no shell: a new volume takes over the owner.
RUN mkdir /data

# "extra" brings the time zones, without which no calling hours can be told.
FROM mcr.microsoft.com/dotnet/aspnet:10.0.12-noble-chiseled-extra
COPY --from=build /app /app
COPY --from=build --chown=$APP_UID:$APP_UID /data /data
USER $APP_UID
VOLUME /data
ENTRYPOINT ["dotnet", "/app/lookup.dll"]
CMD ["serve", "--data", "/data"]
