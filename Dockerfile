# The service in a small image without a shell, run by an unprivileged user.
#   docker build -t lookup .
#   docker run --rm -v lookup-data:/data lookup init --data /data
#   docker run --network host -v lookup-data:/data lookup
# Without a certificate the service listens on loopback only, hence --network host; see docs/operate/deploy.md.
# Exact versions, not digests (docs/design/dependencies.md explains why). Update both tags together.
FROM mcr.microsoft.com/dotnet/sdk:10.0.401-noble AS build
WORKDIR /source
# .dockerignore is an allow list of what is copied.
COPY . .
# .ci/run executes this same line on the same files.
RUN dotnet publish src/Lookup.Cli -c Release -p:RestoreLockedMode=true -o /app
# Created here because the final image has no shell. A new volume inherits the folder's owner.
RUN mkdir /data

# "extra" includes the time zones, which the rules on calling hours need.
FROM mcr.microsoft.com/dotnet/aspnet:10.0.12-noble-chiseled-extra
COPY --from=build /app /app
COPY --from=build --chown=$APP_UID:$APP_UID /data /data
USER $APP_UID
VOLUME /data
ENTRYPOINT ["dotnet", "/app/lookup.dll"]
CMD ["serve", "--data", "/data"]
