# The service in a small image without a shell, run by a user without rights.
#   docker build -t lookup .
#   docker run --network host -v lookup-data:/data lookup
# Without a certificate the service listens on loopback only, hence the host's network; docs/deploy.md has the rest.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
# .ci/run runs this same line.
RUN dotnet publish src/Lookup.Cli -c Release -o /app
# Made here, since the final image has no shell: a new volume takes over the owner.
RUN mkdir /data

# "extra" brings the time zones, without which no calling hours can be told.
FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiselled-extra
COPY --from=build /app /app
COPY --from=build --chown=$APP_UID:$APP_UID /data /data
USER $APP_UID
VOLUME /data
ENTRYPOINT ["dotnet", "/app/lookup.dll"]
CMD ["serve", "--data", "/data"]
